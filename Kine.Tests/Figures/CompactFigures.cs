using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>64 writing clients with and without a compaction of many old revisions in the same time.</summary>
internal static class CompactFigures
{
    private const int Keys = 100_000;
    private const double Limit = 50; // ms
    private static readonly TimeSpan Start = TimeSpan.FromSeconds(2);

    public static async Task Run(FigureSheet sheet)
    {
        using var folder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(sheet.Options.KinePath, folder);
        var update = new BenchOptions
        {
            Mode = BenchMode.Update,
            Endpoint = server.Endpoint,
            Pid = server.Pid,
            Keys = Keys,
            Duration = sheet.Options.CompactTime,
            Seed = 1,
        };

        // Both runs begin with the same number of old revisions in the store; only the second one loses them.
        await sheet.Run(update with { Total = sheet.Options.OldRevisions, Warmup = TimeSpan.Zero });
        var without = await sheet.RunOne(update);
        using (var target = new BenchTarget("A", server.Endpoint, null, update))
        {
            await target.Compact();
        }

        await sheet.Run(update with { Total = sheet.Options.OldRevisions, Warmup = TimeSpan.Zero });
        var with = await sheet.RunOne(update with { CompactAfter = Start });
        sheet.Add(new Figure(
            $"highest write latency: more while compacting {sheet.Options.OldRevisions:N0} old revisions",
            FigureUnits.Milliseconds(with.Latencies.Max() - without.Latencies.Max()), Limit, "ms",
            Note: $"with {BenchText.Time(with.Latencies.Max())}, without {BenchText.Time(without.Latencies.Max())}, compacted in {with.Compaction?.TotalSeconds:0.0} s"));
    }
}
