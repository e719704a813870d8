using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Client;
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
}
