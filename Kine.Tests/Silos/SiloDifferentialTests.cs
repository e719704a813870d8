using Kine.Tests.Differential;
using Kine.Tests.Servers;
using Xunit.Abstractions;

namespace Kine.Tests.Silos;

/// <summary>The random operations of <see cref="DifferentialTests"/> against the front end of a silo that has no writer.</summary>
public sealed class SiloDifferentialTests(ITestOutputHelper output)
{
    private const int DefaultOperations = 4000;

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_reply_and_every_watch_equals_etcds(int silos)
    {
        var operations = int.Parse(Environment.GetEnvironmentVariable("KINE_DIFF_OPS") ?? $"{DefaultOperations}");
        var seed = DifferentialContract.Seed(GetType()) + silos;
        output.WriteLine($"seed {seed}, {operations} operations");
        await using var reference = await EtcdServer.StartNew();
        await using var candidate = await LastSiloServer.StartNew(silos);
        using var run = new DifferentialRun(reference, candidate, seed);
        await run.Perform(operations);
        Assert.Equal(0, candidate.LastStore!.Appends);
        output.WriteLine($"{run.Done} operations up to revision {run.Revision}, {run.EventsCompared} log entries of watches");
    }
}
