using System.Net.Sockets;
using System.Text.Json;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Servers;

namespace Kine.Tests.Bench;

/// <summary><c>kine bench</c> as a user runs it.</summary>
public sealed class BenchCommandTests
{
    [Theory]
    [InlineData("put", 200)]
    [InlineData("create", 200)]
    [InlineData("update", 200)]
    [InlineData("get", 200)]
    [InlineData("list", 200)]
    [InlineData("count", 200)]
    [InlineData("walk", 24)]
    public async Task Every_mode_measures_two_servers_without_an_error(string mode, int operations)
    {
        await using var a = await KineServer.StartNew();
        await using var b = await KineServer.StartNew();
        string[] keys = mode == "create" ? [] : ["--keys", "300"];
        string[] pages = mode is "list" or "walk" ? ["--limit", "50"] : [];
        var report = await Run(
            [mode, "--endpoint", $"http://{a.Address}", "--compare", $"http://{b.Address}", "--clients", "4", "--connections", "2",
                "--total", "200", "--rounds", "2", "--seed", "5", "--json", .. keys, .. pages]);
        foreach (var name in new[] { "a", "b" })
        {
            var rounds = report.GetProperty(name).GetProperty("rounds");
            Assert.Equal(2, rounds.GetArrayLength());
            Assert.All(rounds.EnumerateArray(), round => Assert.Equal(operations, round.GetProperty("operations").GetInt64()));
            Assert.All(rounds.EnumerateArray(), round => Assert.True(round.GetProperty("p50").GetDouble() > 0));
        }

        Assert.True(report.GetProperty("a").GetProperty("all").GetProperty("serverRss").GetDouble() > 10_000_000);
        Assert.True(report.GetProperty("ratios").GetProperty("opsPerSecond").GetDouble() > 0);
    }

    [Fact]
    public async Task Watchers_see_every_write_of_the_round_once()
    {
        await using var server = await KineServer.StartNew();
        var report = await Run(["watch", "--endpoint", $"http://{server.Address}", "--clients", "5", "--writers", "2", "--rate", "2000", "--total", "300", "--json"]);
        Assert.Equal(1500, report.GetProperty("a").GetProperty("all").GetProperty("operations").GetInt64());
    }

    [Fact]
    public async Task The_process_behind_an_endpoint_is_found_and_named()
    {
        await using var server = await KineServer.StartNew();
        Assert.Equal(server.Process.Pid, ListeningProcess.Find(EtcdEndpoint.Parse(server.Address)));
        Assert.Null(ListeningProcess.Find(EtcdEndpoint.Parse($"127.0.0.1:{FreePort.Next()}")));
        Assert.Null(ListeningProcess.Find(EtcdEndpoint.Parse($"10.0.0.1:{server.Address.Split(':')[1]}")));

        using var folder = new TempFolder();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(folder["socket"]));
        listener.Listen();
        Assert.Equal(Environment.ProcessId, ListeningProcess.Find(EtcdEndpoint.Parse($"unix://{folder["socket"]}")));

        var run = await Command.Run(TestTools.Kine, ["bench", "put", "--endpoint", $"http://{server.Address}", "--total", "10"]);
        Assert.Contains($"process {server.Process.Pid} (kine)", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compaction_within_the_round_is_timed()
    {
        await using var server = await KineServer.StartNew();
        var report = await Run(["put", "--endpoint", $"http://{server.Address}", "--duration", "2s", "--warmup", "0", "--compact-after", "500ms", "--json"]);
        Assert.True(report.GetProperty("a").GetProperty("all").GetProperty("compactionSeconds").GetDouble() > 0);
    }

    [Theory]
    [InlineData(1, "kine bench: Unavailable: ", "get", "--endpoint", "http://127.0.0.1:1")]
    [InlineData(2, "kine bench: endpoint 'ftp://a' is not ", "get", "--endpoint", "ftp://a")]
    [InlineData(2, "kine bench: --cert and --key belong together", "get", "--cert", "a.pem")]
    [InlineData(2, "kine bench: --key-size 10 is too small", "get", "--key-size", "10")]
    [InlineData(2, "kine: --duration 'long' is no duration", "get", "--duration", "long")]
    public async Task What_cannot_be_measured_is_said_in_a_sentence(int code, string sentence, params string[] arguments)
    {
        var run = await Command.Run(TestTools.Kine, ["bench", .. arguments]);
        Assert.Equal(code, run.ExitCode);
        Assert.StartsWith(sentence, run.Errors, StringComparison.Ordinal);
        Assert.Single(run.Errors.TrimEnd().Split('\n'));
    }

    private static async Task<JsonElement> Run(string[] arguments)
    {
        var run = await Command.Run(TestTools.Kine, ["bench", .. arguments], within: TimeSpan.FromMinutes(2));
        Assert.True(run.ExitCode == 0, $"{run.ExitCode}\n{run.Output}{run.Errors}");
        return JsonDocument.Parse(run.Output).RootElement;
    }
}
