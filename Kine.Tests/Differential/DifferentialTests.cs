using System.Diagnostics;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit.Abstractions;

namespace Kine.Tests.Differential;

/// <summary>
/// Random operations against this server and a real etcd side by side. KINE_DIFF_SEED repeats a run, KINE_DIFF_OPS sets its length, and
/// KINE_TEST_CANDIDATE=etcd compares etcd with itself, which shows whether a rule of the comparison is at fault.
/// </summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const int DefaultOperations = 24_000;
    private const int Restarts = 3;

    [Fact]
    public async Task Every_reply_and_every_watch_equals_etcds()
    {
        var operations = int.Parse(Environment.GetEnvironmentVariable("KINE_DIFF_OPS") ?? $"{DefaultOperations}");
        var seed = int.Parse(Environment.GetEnvironmentVariable("KINE_DIFF_SEED") ?? $"{Random.Shared.Next(1, 1_000_000)}");
        output.WriteLine($"seed {seed}, {operations} operations");
        var clock = Stopwatch.StartNew();
        await using var reference = await EtcdServer.StartNew();
        await using var candidate = await Candidate.StartNew();
        using var run = new DifferentialRun(reference, candidate, seed);
        for (var part = 0; part <= Restarts; part++)
        {
            if (part > 0)
                await run.Restart();
            await run.Perform(operations / (Restarts + 1));
        }
        output.WriteLine($"{run.Done} operations up to revision {run.Revision}, {run.EventsCompared} log entries of watches, in {clock.Elapsed}");
    }

    [Fact]
    public async Task A_difference_of_one_key_is_found()
    {
        await using var reference = await EtcdServer.StartNew();
        await using var candidate = await EtcdServer.StartNew();
        using (var channel = new EtcdChannel(reference.Address))
            await channel.Put("/registry/pods/default/0", "one");
        using (var channel = new EtcdChannel(candidate.Address))
            await channel.Put("/registry/pods/default/0", "two");
        using var run = new DifferentialRun(reference, candidate, 1);
        await Assert.ThrowsAsync<DifferenceException>(() => run.Perform(2_000));
    }
}
