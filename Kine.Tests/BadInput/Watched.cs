using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.BadInput;

/// <summary>A server whose health is looked at after each attack: it serves others, stays small, and complains of nothing it did not handle.</summary>
internal sealed class Watched : IAsyncDisposable
{
    private const long MostResidentBytes = 400L * 1024 * 1024;

    private const int MostLogShown = 4_000; // characters

    private static readonly TimeSpan ServedWithin = TimeSpan.FromSeconds(30);
    private static readonly string[] NeverInTheLog = ["nobserved", "nhandled exception", "   at Kine.", "   at Microsoft.AspNetCore"];

    private readonly EtcdApiServer _server;
    private int _checks;

    private Watched(EtcdApiServer server)
    {
        _server = server;
        Channel = new EtcdChannel(server.Address);
    }

    public string Address => _server.Address;

    /// <summary>A well-behaved client on a connection of its own.</summary>
    public EtcdChannel Channel { get; }

    public RunningProcess Process => _server.Process;

    public static async Task<Watched> Start() => new(await Candidate.StartNew());

    /// <summary>Asserts that the server is as it should be.</summary>
    public async Task IsFine()
    {
        Assert.False(_server.Process.HasExited, $"the server has ended:\n{_server.Process.Output}");
        using var limit = new CancellationTokenSource(ServedWithin);
        var value = $"{_checks++}";
        await Channel.Put("fine", value, cancellation: limit.Token);
        Assert.Equal(value, (await Channel.Get("fine", limit.Token))!.Value.ToStringUtf8());
        IsSmall();
        var log = _server.Process.Output;
        Assert.False(NeverInTheLog.Any(word => log.Contains(word, StringComparison.Ordinal)), log[..Math.Min(log.Length, MostLogShown)]);
    }

    public void IsSmall()
    {
        var peak = _server.Process.PeakResidentBytes;
        Assert.True(peak < MostResidentBytes || Candidate.IsEtcd, $"the server took {peak / 1024 / 1024} MiB at its peak");
    }

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        await _server.DisposeAsync();
    }
}
