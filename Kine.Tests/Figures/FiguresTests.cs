using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Faults;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>That the figures can be taken; what they are is for a quiet machine.</summary>
public sealed class FiguresTests
{
    private static readonly FiguresOptions Short = new() { KinePath = TestTools.Kine, OldPath = TestTools.Kine, Rounds = 1, RoundTime = TimeSpan.FromSeconds(1) };

    [Fact]
    public async Task The_assembly_is_a_program_that_prints_each_figure_beside_its_limit()
    {
        var run = await Command.Run(Path.Combine(AppContext.BaseDirectory, "Kine.Tests"), ["--kine", TestTools.Kine, "ready"], within: TimeSpan.FromMinutes(2));
        Assert.Contains("2 figures, ", run.Output, StringComparison.Ordinal);
        Assert.Contains("ready on an empty store", run.Output, StringComparison.Ordinal);
        Assert.Contains("at most  1.5 s", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task H2load_drives_a_server_with_a_framed_request()
    {
        using var folder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(TestTools.Kine, folder);
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("/a"), Value = ByteString.CopyFromUtf8("1") };
        var load = await H2Load.Run(server, EtcdMethods.Put, put, TimeSpan.FromSeconds(1), folder);
        Assert.True(load is { PerSecond: > 10, ServerCpu: > 1 }, load.ToString());

        // The requests were answered as gRPC, not only as HTTP.
        using var channel = new EtcdChannel(server.Endpoint["http://".Length..]);
        Assert.InRange((await channel.Get("/a"))!.Version, load.PerSecond, long.MaxValue);
    }

    [Fact]
    public async Task A_build_is_measured_beside_another_by_the_others_bench()
    {
        var output = new StringWriter();
        var sheet = new FigureSheet(Short, output, CancellationToken.None);
        using var folder = new TempFolder();
        using var oldFolder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(TestTools.Kine, folder);
        await using var oldServer = await ServerUnderTest.StartKine(TestTools.Kine, oldFolder);
        var bench = new OldBench(sheet, TestTools.Kine);
        await bench.Load(server, 500, 100);
        var ratios = await bench.Compare("put", server, oldServer, "--clients", "2");
        Assert.True(ratios is { ServerCpu: > 0, Speed: > 0, Median: > 0 }, output.ToString());
        await oldServer.KillHard();
        await Assert.ThrowsAsync<BenchException>(() => bench.Compare("put", server, oldServer));
    }

    [Fact]
    public async Task A_load_on_a_server_that_is_right_finds_nothing_and_one_on_two_servers_that_know_nothing_of_each_other_does()
    {
        using var folder = new TempFolder();
        using var otherFolder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(TestTools.Kine, folder);
        await using var other = await ServerUnderTest.StartKine(TestTools.Kine, otherFolder);
        var (right, history) = await Loaded(server.Endpoint, server.Endpoint);
        Assert.True(right is { Reads: > 20, Writes: > 20, Stale: 0 }, $"{right.Reads} reads, {right.Writes} writes, {right.Stale} stale, {right.Errors}");
        Assert.Equal((0, 0), right.Check(2, history));
        Assert.Equal((1, 1), right.Check(2, [history[1], .. history[1..]]));

        (var wrong, history) = await Loaded(other.Endpoint, server.Endpoint);
        Assert.InRange(wrong.Stale, 1, wrong.Reads);
        Assert.InRange(wrong.Check(2, history).Lost, 1, wrong.Writes);
    }

    [Fact]
    public async Task Creates_that_were_lost_or_written_twice_are_counted()
    {
        using var folder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(TestTools.Kine, folder);
        var creates = new SteadyCreates([$"http://127.0.0.1:{FreePort.Next()}", server.Endpoint], 200);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await creates.Run(stop.Token);
        using var channel = new EtcdChannel(server.Endpoint);
        KeyValue[] pairs = [.. (await channel.Range(SteadyCreates.Everything)).Kvs];
        Assert.True(creates is { Failed: 0, Retried: > 0, Made: > 20 }, $"{creates.Made} made, {creates.Failed} failed: {creates.Errors}");
        Assert.Equal(creates.Made, pairs.Length);
        Assert.Equal((0, 0), creates.Check(pairs));
        pairs[1].Version = 2;
        Assert.Equal((1, 1), creates.Check(pairs[1..]));
    }

    // Of the first server the history, from its first revision on.
    private static async Task<(SteadyLoad Load, List<Event[]> History)> Loaded(params string[] endpoints)
    {
        var load = new SteadyLoad(endpoints);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await load.Run(stop.Token);
        using var channel = new EtcdChannel(endpoints[0]);
        return (load, await History.Read(channel, 2, (await channel.HashKV()).Header.Revision));
    }
}
