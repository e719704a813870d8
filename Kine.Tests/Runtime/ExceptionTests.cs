
namespace Kine.Tests.Runtime;

public sealed class ExceptionTests
{
    [Fact]
    public async Task What_a_grain_throws_reaches_the_caller_and_the_grain_lives_on()
    {
        await using var cluster = await ProbeCluster.Start();
        foreach (var grain in Probes(cluster))
        {
            await grain.Increment();
            var atOnce = await Assert.ThrowsAsync<InvalidOperationException>(() => grain.Fail("at once"));
            var later = await Assert.ThrowsAsync<InvalidOperationException>(() => grain.FailLate("later"));

            Assert.Equal("at once", atOnce.Message);
            Assert.Equal("later", later.Message);
            Assert.Equal(1, await grain.Count());
        }
    }

    [Fact]
    public async Task A_one_way_call_ends_at_once_and_its_failure_stays_with_the_grain()
    {
        await using var cluster = await ProbeCluster.Start();
        foreach (var grain in Probes(cluster))
            await grain.Notify("hello");

        await cluster.Log.Until("hello", times: 2);
    }

    [Fact]
    public async Task A_failed_activation_fails_its_waiting_calls_and_the_next_call_tries_again()
    {
        await using var cluster = await ProbeCluster.Start();
        cluster.Log.FailActivations = 1;
        var grain = cluster.Grains.GetGrain<IProbeGrain>("slow");

        var calls = new[] { grain.Echo(1), grain.Echo(2), grain.Echo(3) };
        await cluster.Log.Until("slow activating");
        await Task.Delay(20);
        cluster.Log.Open("slow activation");
        foreach (var call in calls)
        {
            var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => call);
            Assert.Equal("not today", exception.Message);
        }

        Assert.Equal(4, await grain.Echo(4));
        Assert.Equal(2, cluster.Log.CountOf("slow activating"));
        Assert.Equal(1, cluster.Log.CountOf("slow active"));
    }

    private static IProbeGrain[] Probes(ProbeCluster cluster) =>
        [cluster.Grains.GetGrain<IProbeGrain>("a"), cluster.Grains.GetGrain<IReentrantProbeGrain>("b")];
}
