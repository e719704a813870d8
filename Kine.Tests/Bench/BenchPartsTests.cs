using System.Diagnostics;
using Kine.Host.Bench;
using Kine.Tests.Figures;

namespace Kine.Tests.Bench;

public sealed class BenchPartsTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(10_000)]
    [InlineData(99_991)]
    public void The_scattered_order_takes_every_key_once(int count)
    {
        var seen = Enumerable.Range(0, count).Select(place => BenchKeys.Scattered(place, count)).ToHashSet();
        Assert.Equal(count, seen.Count);
        Assert.True(seen.Min() == 0 && seen.Max() == count - 1);
        Assert.Equal(BenchKeys.Scattered(0, count), BenchKeys.Scattered(count, count));
    }

    [Fact]
    public void Ratios_are_the_median_over_pairs_of_rounds()
    {
        var report = new BenchReport(
            new BenchOptions { Mode = BenchMode.Get, Endpoint = "a" }, [new TargetReport("A", "a"), new TargetReport("B", "b")]);
        foreach (var (a, b) in new[] { (100, 100), (300, 100), (120, 100) })
        {
            report.Targets[0].Rounds.Add(Round(a));
            report.Targets[1].Rounds.Add(Round(b));
        }

        Assert.Equal(1.2, report.MedianRatio(round => round.OperationsPerSecond)!.Value, 3);
        Assert.Null(report.MedianRatio(round => round.ServerCpuPerOperation));
        Assert.Equal(520, report.Targets[0].Sum().Operations);
        Assert.False(report.HasErrors);
        report.Targets[1].Rounds[0].AddErrors([new("Unavailable", 1)]);
        Assert.True(report.HasErrors);
    }

    [Fact]
    public void Latencies_are_found_again_to_three_digits_and_out_of_bounds_ones_count()
    {
        var sum = new RoundResult();
        Assert.Equal(0, sum.Latencies.Percentile(50));
        var round = new RoundResult();
        for (var microseconds = 1; microseconds <= 1000; microseconds++)
            round.Latencies.Record(TimeSpan.FromMicroseconds(microseconds));

        sum.Add(round);
        Assert.InRange(sum.Latencies.Percentile(50), 499_500, 500_500);
        Assert.InRange(sum.Latencies.Percentile(99.9), 998_000, 1_000_000);
        sum.Latencies.Record(TimeSpan.FromTicks(-1));
        sum.Latencies.Record(TimeSpan.FromDays(1));
        Assert.Equal(1002, sum.Operations);
        Assert.InRange(sum.Latencies.Max(), 3_596_000_000_000, 3_604_000_000_000);
    }

    [Fact]
    public void The_first_column_is_the_servers_cpu_per_operation()
    {
        var round = Round(10);
        round.ServerCpu = TimeSpan.FromMicroseconds(125);
        Assert.StartsWith("A round 1             12.5 ", BenchText.Rows("A round 1", round).First());
        Assert.Matches("^A round 1 +- ", BenchText.Rows("A round 1", Round(10)).First());
        Assert.Equal("server CPU per op", BenchRatios.All[0].Label);
    }

    [Fact]
    public void A_round_ends_by_number()
    {
        var limits = new RoundLimits(Timeout.InfiniteTimeSpan, 3, 0, 2, CancellationToken.None);
        Assert.Equal(3, Enumerable.Range(0, 10).Count(call => limits.TryTake(call % 2, out _)));
    }

    [Fact]
    public void A_rate_spreads_the_calls_evenly_over_callers_and_time()
    {
        var limits = new RoundLimits(TimeSpan.FromSeconds(100), 0, 100, 2, CancellationToken.None);
        var due = new List<long>();
        for (var call = 0; call < 200; call++)
        {
            Assert.True(limits.TryTake(call % 2, out var time));
            due.Add(time!.Value);
        }

        due.Sort();
        for (var call = 1; call < due.Count; call++)
            Assert.InRange((double)(due[call] - due[call - 1]) / Stopwatch.Frequency, 0.0099, 0.0101);
    }

    [Fact]
    public void Cpu_and_memory_of_a_process_are_read()
    {
        var self = new ServerProcess(Environment.ProcessId);
        var before = self.CpuTime();
        var spin = Stopwatch.StartNew();
        while (spin.ElapsedMilliseconds < 200 || self.CpuTime() - before < TimeSpan.FromMilliseconds(50))
            Assert.True(spin.Elapsed < TimeSpan.FromSeconds(30));

        Assert.InRange(self.ResidentBytes(), 10_000_000, 10_000_000_000);
        Assert.Throws<BenchException>(() => new ServerProcess(int.MaxValue));
    }

    [Fact]
    public void Figures_pass_on_the_right_side_of_their_limit()
    {
        Assert.True(new Figure("a", 2, 2, "s").Passed);
        Assert.False(new Figure("a", 2.01, 2, "s").Passed);
        Assert.True(new Figure("a", 1, 1, "x", AtLeast: true).Passed);
        Assert.False(new Figure("a", 0.99, 1, "x", AtLeast: true).Passed);
        Assert.StartsWith("FAIL", new Figure("a", 0.99, 1, "x", AtLeast: true).ToString());
    }

    private static RoundResult Round(int operations)
    {
        var round = new RoundResult { Elapsed = TimeSpan.FromSeconds(1) };
        for (var operation = 0; operation < operations; operation++)
            round.Latencies.Record(TimeSpan.FromMicroseconds(1));

        return round;
    }
}
