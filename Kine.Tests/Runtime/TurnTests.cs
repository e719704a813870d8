using Orleans;

namespace Kine.Tests.Runtime;

public sealed class TurnTests
{
    [Fact]
    public async Task Turns_of_a_reentrant_grain_never_overlap()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IReentrantProbeGrain>("a");

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var i = 0; i < 250; i++)
                await grain.Increment();
        })));

        Assert.Equal(2000, await grain.Count());
    }

    [Fact]
    public async Task A_grain_that_is_not_reentrant_runs_its_calls_one_after_the_other_in_order()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IProbeGrain>("a");

        var first = grain.Pass("one");
        await cluster.Log.Until("one in");
        var second = grain.Pass("two");
        cluster.Log.Open("two", 2);
        await Task.Delay(50);
        Assert.Equal(0, cluster.Log.CountOf("two in"));
        Assert.False(second.IsCompleted);

        cluster.Log.Open("one", 1);
        Assert.Equal(1, await first);
        Assert.Equal(2, await second);
        Assert.Equal(["one in", "one out", "two in", "two out"], cluster.Log.Entries.Skip(2));
    }

    [Fact]
    public async Task A_reentrant_grain_takes_the_next_call_while_one_awaits()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IReentrantProbeGrain>("a");

        var first = grain.Pass("one");
        await cluster.Log.Until("one in");
        cluster.Log.Open("two", 2);
        Assert.Equal(2, await grain.Pass("two"));
        Assert.False(first.IsCompleted);
        cluster.Log.Open("one", 1);
        Assert.Equal(1, await first);
    }

    [Fact]
    public async Task A_method_that_always_interleaves_runs_beside_a_blocking_call_and_blocks_none()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IProbeGrain>("a");

        var first = grain.Pass("one");
        await cluster.Log.Until("one in");
        Assert.Equal(0, await grain.Glance());
        cluster.Log.Open("one", 1);
        Assert.Equal(1, await first);
    }

    [Fact]
    public async Task What_a_grain_awaits_comes_back_to_its_scheduler()
    {
        await using var cluster = await ProbeCluster.Start();

        const string own = "False True True False"; // not the default one, after await, Task.Factory.StartNew; but not Task.Run
        Assert.Equal(own, await cluster.Grains.GetGrain<IProbeGrain>("a").SchedulerNames());
        Assert.Equal(own, await cluster.Grains.GetGrain<IReentrantProbeGrain>("a").SchedulerNames());
    }

    [Fact]
    public async Task The_caller_goes_on_outside_of_the_grains_turn()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IReentrantProbeGrain>("a");
        var blocked = new ManualResetEventSlim();

        for (var i = 0; i < 20; i++)
        {
            var continued = BlockAfter(grain.Pass($"gate {i}"));
            cluster.Log.Open($"gate {i}");
            Assert.Equal(5, await grain.Echo(5).WaitAsync(Wait.Limit));
            blocked.Set();
            await continued;
            blocked.Reset();
        }

        async Task BlockAfter(Task call)
        {
            await call.ConfigureAwait(false);
            Assert.True(blocked.Wait(Wait.Limit));
        }
    }

    [Fact]
    public async Task Grains_with_different_keys_share_nothing_and_know_their_key()
    {
        await using var cluster = await ProbeCluster.Start();
        await cluster.Grains.GetGrain<IProbeGrain>("a").Increment();

        Assert.Equal(1, await cluster.Grains.GetGrain<IProbeGrain>("a").Count());
        Assert.Equal(0, await cluster.Grains.GetGrain<IProbeGrain>("b").Count());
        Assert.Equal("b", await cluster.Grains.GetGrain<IProbeGrain>("b").Key());
        Assert.Equal("b", cluster.Grains.GetGrain<IReentrantProbeGrain>("b").GetPrimaryKeyString());
        Assert.Equal(cluster.Grains.GetGrain<IReentrantProbeGrain>("b"), cluster.Grains.GetGrain<IReentrantProbeGrain>("b"));
        Assert.NotEqual(cluster.Grains.GetGrain<IReentrantProbeGrain>("a"), cluster.Grains.GetGrain<IReentrantProbeGrain>("b"));
    }

    [Fact]
    public async Task A_grain_calls_another()
    {
        await using var cluster = await ProbeCluster.Start();

        Assert.Equal(7, await cluster.Grains.GetGrain<IProbeGrain>("a").CallOther("b", 7));
        Assert.Equal(8, await cluster.Grains.GetGrain<IReentrantProbeGrain>("a").CallOther("b", 8));
    }
}
