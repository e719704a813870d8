using System.Diagnostics;
using Kine.Tests.Servers;
using Xunit.Abstractions;

namespace Kine.Tests.Differential;

/// <summary>
/// Random operations against this server and a real etcd side by side. KINE_TEST_SEED draws others (<see cref="Draw"/>), KINE_DIFF_OPS sets
/// the run's length, and KINE_TEST_CANDIDATE=etcd compares etcd with itself, which shows whether a rule of the comparison is at fault.
/// </summary>
public abstract class DifferentialContract(ITestOutputHelper output)
{
    /// <summary>A new server on an empty store of the kind that is tested.</summary>
    protected abstract Task<EtcdApiServer> StartServer();

    /// <summary>Operations of a run, unless KINE_DIFF_OPS says otherwise.</summary>
    protected virtual int Operations => 24_000;

    /// <summary>How often the server is restarted meanwhile, which its data survives.</summary>
    protected virtual int Restarts => 3;

    /// <summary>Others on every store.</summary>
    internal static int Seed(Type test) => Draw.Seed(test.Name.Aggregate(17, (seed, letter) => ((seed * 31) + letter) & 0xFFFFF));

    [Fact]
    public async Task Every_reply_and_every_watch_equals_etcds()
    {
        var operations = int.Parse(Environment.GetEnvironmentVariable("KINE_DIFF_OPS") ?? $"{Operations}");
        var seed = Seed(GetType());
        output.WriteLine($"seed {seed}, {operations} operations");
        var clock = Stopwatch.StartNew();
        await using var reference = await EtcdServer.StartNew();
        await using var candidate = await StartServer();
        using var run = new DifferentialRun(reference, candidate, seed);
        for (var part = 0; part <= Restarts; part++)
        {
            if (part > 0)
                await run.Restart();

            await run.Perform(operations / (Restarts + 1));
        }
        output.WriteLine($"{run.Done} operations up to revision {run.Revision}, {run.EventsCompared} log entries of watches, in {clock.Elapsed}");
    }
}
