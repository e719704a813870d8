using System.Diagnostics;
using System.Globalization;
using Kine.Tests.Servers;
using Xunit.Abstractions;

namespace Kine.Tests.Chaos;

/// <summary>
/// Three processes on one database, clients that record everything, and somebody who breaks things. In the end every answer has to fit: see
/// <see cref="RevisionCheck"/>, <see cref="RegisterCheck"/>, <see cref="WatchCheck"/>, <see cref="LeaseCheck"/>. KINE_CHAOS_MINUTES makes it go on, round after
/// round, with another seed each.
/// </summary>
public abstract class ChaosContract(DatabaseServer database, ITestOutputHelper output)
{
    private const int MostFaults = 8; // printed
    private const int MostErrors = 10; // printed
    private const int Seeds = 100; // apart from those of the clients
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Time = TimeSpan.FromMinutes(
        int.Parse(Environment.GetEnvironmentVariable("KINE_CHAOS_MINUTES") ?? "0", CultureInfo.InvariantCulture));

    /// <summary>Other numbers for each kind of database.</summary>
    protected abstract int Seed { get; }

    [Fact]
    public async Task Whatever_breaks_all_answers_fit_together()
    {
        var clock = Stopwatch.StartNew();
        for (var round = 0; round == 0 || clock.Elapsed < Time; round++)
            await OneRound(Draw.Seed((Seed + round) * Seeds));
    }

    private async Task OneRound(int seed)
    {
        var random = new Random(seed);
        var strange = new List<Violation>();
        var lease = random.Next(2) == 0 ? "1s" : "3s";
        output.WriteLine($"seed {seed} on {database.Name}, lease time {lease}");
        await using var cluster = await ChaosCluster.Start(database, lease, strange.Add);
        var load = await ChaosLoad.Start(cluster.Endpoints, seed);
        var nemesis = new Nemesis(cluster, random, output.WriteLine);
        await nemesis.Run(Round, load.Progress);
        var found = await load.Finish([.. Enumerable.Range(0, ChaosCluster.Size).Select(cluster.Endpoints.AddressOf)]);
        found.AddRange(strange);
        var recording = load.Recording;
        output.WriteLine($"{nemesis.Count} faults, {recording.Newest} revisions, {recording.CountOf(Outcome.Done)} answers, "
            + $"{recording.CountOf(Outcome.Unknown)} of unknown outcome, {recording.LeaseCount} leases, {recording.WatchCount} watches");
        foreach (var error in found.Count == 0 ? [] : cluster.Errors().Take(MostErrors))
            output.WriteLine(error);

        Assert.True(found.Count == 0, $"seed {seed}: {found.Count} faults\n{string.Join('\n', found.Take(MostFaults))}");
        Assert.True(recording.CountOf(Outcome.Done) > 1_000, "the load was too small to prove anything");
    }
}
