using Kine.Grains.Hosting;

namespace Kine.Tests.Runtime;

public sealed class DeactivationTests
{
    private static readonly GrainHostingOptions ShortIdle = new() { IdleAfter = TimeSpan.FromSeconds(4) };

    [Fact]
    public async Task A_grain_that_asks_leaves_after_its_running_calls_and_waiting_ones_go_to_its_successor()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IReentrantProbeGrain>("a");
        await grain.Increment();
        var running = grain.Pass("one");
        await cluster.Log.Until("one in");

        await grain.Leave();
        var waiting = grain.Count();
        await Task.Delay(50);
        Assert.Equal(0, cluster.Log.CountOf("a gone ApplicationRequested"));
        Assert.False(waiting.IsCompleted);

        cluster.Log.Open("one", 1);
        Assert.Equal(1, await running);
        Assert.Equal(0, await waiting); // a new instance has not counted
        Assert.Equal(1, cluster.Log.CountOf("a gone ApplicationRequested"));
        Assert.Equal(2, cluster.Log.CountOf("a active"));
    }

    [Fact]
    public async Task An_idle_grain_is_collected_and_one_that_keeps_alive_is_not()
    {
        await using var cluster = await ProbeCluster.Start(ShortIdle);
        await cluster.Grains.GetGrain<IProbeGrain>("idle").Echo(1);
        await cluster.Grains.GetGrain<ILastingProbeGrain>("lasting").Echo(1);

        for (var i = 0; i < 8; i++)
            await ProbeCluster.Advance(TimeSpan.FromSeconds(1));

        await cluster.Log.Until("idle gone ActivationIdle");
        Assert.Equal(0, cluster.Log.CountOf("lasting gone ActivationIdle"));
        Assert.Equal(2, await cluster.Grains.GetGrain<IProbeGrain>("idle").Echo(2));
        Assert.Equal(2, cluster.Log.CountOf("idle active"));
    }

    [Fact]
    public async Task A_grain_in_use_is_not_collected()
    {
        await using var cluster = await ProbeCluster.Start(ShortIdle);
        var grain = cluster.Grains.GetGrain<IProbeGrain>("busy");
        var waits = cluster.Grains.GetGrain<IReentrantProbeGrain>("waits").Pass("long");

        for (var i = 0; i < 8; i++)
        {
            await grain.Echo(i);
            await ProbeCluster.Advance(TimeSpan.FromSeconds(1));
        }

        await Task.Delay(50);
        Assert.Equal(0, cluster.Log.CountOf("busy gone ActivationIdle"));
        Assert.Equal(0, cluster.Log.CountOf("waits gone ActivationIdle"));
        cluster.Log.Open("long", 3);
        Assert.Equal(3, await waits);
    }

    [Fact]
    public async Task Shutdown_deactivates_every_grain_after_its_running_calls_and_refuses_new_ones()
    {
        var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IProbeGrain>("a");
        var running = grain.Pass("one");
        await cluster.Grains.GetGrain<ILastingProbeGrain>("b").Echo(1);
        await cluster.Log.Until("one in");

        var stop = cluster.Stop();
        await cluster.Log.Until("b gone ShuttingDown");
        Assert.False(stop.IsCompleted);
        cluster.Log.Open("one", 1);
        Assert.Equal(1, await running);
        await stop.WaitAsync(Wait.Limit);
        Assert.Equal(1, cluster.Log.CountOf("a gone ShuttingDown"));
        await Assert.ThrowsAnyAsync<Exception>(() => grain.Echo(1).WaitAsync(TimeSpan.FromSeconds(10)));
        Assert.Equal(1, cluster.Log.CountOf("a active"));
        await cluster.DisposeAsync();
    }
}
