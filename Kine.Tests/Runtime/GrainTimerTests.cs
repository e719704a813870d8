
namespace Kine.Tests.Runtime;

public sealed class GrainTimerTests
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_timer_ticks_after_its_due_time_and_one_period_after_each_callback_has_ended()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IReentrantProbeGrain>("a");
        await grain.StartTimer("t", Period, Period, fails: false);
        Assert.Equal(0, cluster.Log.CountOf("t tick"));

        await ProbeCluster.Advance(Period);
        await cluster.Log.Until("t tick");
        await ProbeCluster.Advance(Period * 2);
        Assert.Equal(1, cluster.Log.CountOf("t tick"));

        cluster.Log.Open("t timer");
        await cluster.Log.Until("t tock");
        await Settled();
        await ProbeCluster.Advance(Period);
        await cluster.Log.Until("t tick", times: 2);
    }

    [Fact]
    public async Task A_tick_waits_for_the_running_call_of_a_grain_that_is_not_reentrant()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IProbeGrain>("a");
        await grain.StartTimer("t", Period, Timeout.InfiniteTimeSpan, fails: false);
        var call = grain.Pass("one");
        await cluster.Log.Until("one in");

        await ProbeCluster.Advance(Period);
        await Settled();
        Assert.Equal(0, cluster.Log.CountOf("t tick"));
        cluster.Log.Open("one");
        await call;
        await cluster.Log.Until("t tick");
        cluster.Log.Open("t timer");
    }

    [Fact]
    public async Task A_callback_that_throws_is_logged_and_the_timer_goes_on()
    {
        await using var cluster = await ProbeCluster.Start();
        await cluster.Grains.GetGrain<IProbeGrain>("a").StartTimer("t", Period, Period, fails: true);

        for (var i = 1; i <= 3; i++)
        {
            await ProbeCluster.Advance(Period);
            await cluster.Log.Until("t tick", times: i);
            await Settled();
        }

        Assert.Contains(cluster.Logged.Errors, exception => exception?.Message == "a bad tick");
    }

    [Fact]
    public async Task A_timer_ends_when_disposed_and_when_its_grain_is_deactivated()
    {
        await using var cluster = await ProbeCluster.Start();
        var grain = cluster.Grains.GetGrain<IProbeGrain>("a");
        await grain.StartTimer("stopped", Period, Period, fails: false);
        await grain.StopTimer("stopped");
        await grain.StartTimer("orphan", Period, Period, fails: false);
        await grain.Leave();
        await cluster.Log.Until("a gone ApplicationRequested");
        await Settled();

        await ProbeCluster.Advance(Period * 2);
        await Settled();
        Assert.Equal(0, cluster.Log.CountOf("stopped tick"));
        Assert.Equal(0, cluster.Log.CountOf("orphan tick"));
    }

    /// <summary>Time for the thread pool to finish what is under way, where nothing visible says so.</summary>
    private static Task Settled() => Task.Delay(50);
}
