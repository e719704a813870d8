using System.Diagnostics;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Bench.Figures;
using Kine.Host.Bench.Http2;
using Kine.Host.Bench.Workloads;
using Xunit;

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
        var seen = Enumerable.Range(0, count).Select(place => KeySpace.Scattered(place, count)).ToHashSet();
        Assert.Equal(count, seen.Count);
        Assert.True(seen.Min() == 0 && seen.Max() == count - 1);
        Assert.Equal(KeySpace.Scattered(0, count), KeySpace.Scattered(count, count));
    }

    [Fact]
    public async Task A_walk_goes_on_behind_the_last_key_at_one_revision_and_notices_missing_keys()
    {
        var keys = new KeySpace("/registry/bench/", "x", 64);
        await using var channel = new EtcdChannel("http://127.0.0.1:1");
        var client = new BenchClient(0, channel, 1);
        var walk = new WalkWorkload(keys, 2, 1);

        Assert.Equal(0, Ask(walk, client).Revision);
        Assert.Null(walk.Check(client, Page(41, 3, more: true, "a", "b")));
        var second = Ask(walk, client);
        Assert.Equal(41, second.Revision);
        Assert.Equal("b\0", second.Key.ToStringUtf8());
        Assert.Null(walk.Check(client, Page(50, 1, more: false, "c")));
        Assert.False(walk.TryEncode(client));

        Ask(walk, client);
        Assert.Null(walk.Check(client, Page(60, 4, more: true, "a", "b")));
        Ask(walk, client);
        Assert.Contains("3 of 4", walk.Check(client, Page(60, 2, more: false, "c")));
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
        {
            Assert.InRange((double)(due[call] - due[call - 1]) / Stopwatch.Frequency, 0.0099, 0.0101);
        }
    }

    [Fact]
    public void Cpu_and_memory_of_a_process_are_read()
    {
        var self = new ServerProcess(Environment.ProcessId);
        var before = self.CpuTime();
        var spin = Stopwatch.StartNew();
        while (spin.ElapsedMilliseconds < 200 || self.CpuTime() - before < TimeSpan.FromMilliseconds(50))
        {
            Assert.True(spin.Elapsed < TimeSpan.FromSeconds(30));
        }

        Assert.InRange(self.ResidentBytes(), 10_000_000, self.PeakResidentBytes());
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
        {
            round.Latencies.Record(1000);
        }

        return round;
    }

    private static RangeRequest Ask(WalkWorkload walk, BenchClient client)
    {
        client.Request.Clear();
        Assert.True(walk.TryEncode(client));
        return RangeRequest.Parser.ParseFrom(client.Request.Span.ToArray());
    }

    private static byte[] Page(long revision, long count, bool more, params string[] found)
    {
        var page = new RangeResponse { Header = new ResponseHeader { Revision = revision }, Count = count, More = more };
        foreach (var key in found)
        {
            page.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8(key), ModRevision = 3, Value = ByteString.CopyFromUtf8("v") });
        }

        return page.ToByteArray();
    }
}
