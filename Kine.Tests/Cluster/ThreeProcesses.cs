using System.Globalization;
using System.Text.RegularExpressions;
using Kine.Tests.Servers;

namespace Kine.Tests.Cluster;

/// <summary>Three processes on one database, which make themselves a cluster.</summary>
internal sealed partial class ThreeProcesses : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private ThreeProcesses(string endpoint) => Members = [.. Enumerable.Range(0, 3).Select(_ => KineServer.On(endpoint))];

    public KineServer[] Members { get; }

    public static async Task<ThreeProcesses> Start(string endpoint)
    {
        var cluster = new ThreeProcesses(endpoint);
        try
        {
            await Task.WhenAll(cluster.Members.Select(member => member.Start()));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The process that writes: the one that was told so last.</summary>
    public KineServer Writer => Members.MaxBy(member => Epochs().Matches(member.Process.Output)
        .Select(match => long.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)).LastOrDefault())!;

    /// <summary>Those that do not.</summary>
    public KineServer[] Followers => [.. Members.Where(member => member != Writer)];

    /// <summary>Waits until another process than that writes.</summary>
    public async Task WriterOtherThan(KineServer former)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (Writer == former)
            await Task.Delay(20, limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var member in Members)
            await member.DisposeAsync();
    }

    [GeneratedRegex("This process is the store's writer now: epoch ([0-9]+)")]
    private static partial Regex Epochs();
}
