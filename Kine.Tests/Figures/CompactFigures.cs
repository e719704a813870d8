using System.Diagnostics;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>
/// 64 writing clients: with and without a compaction of many old revisions in the same time, and how soon the calls that compact a small keyspace are answered.
/// </summary>
internal static class CompactFigures
{
    private const int Keys = 100_000;
    private const int SmallKeys = 1_000;
    private const double Limit = 50; // ms
    private const double CallLimit = 20; // ms
    private static readonly TimeSpan Start = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CallEvery = TimeSpan.FromMilliseconds(100);

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

    /// <summary>A compaction each 100 ms, up to right behind the newest revision.</summary>
    public static async Task RunCalls(FigureSheet sheet)
    {
        using var folder = new TempFolder();
        await using var kine = await ServerUnderTest.StartKine(sheet.Options.KinePath, folder);
        var calls = await CompactUnderWrites(sheet, kine);
        var note = "";
        if (sheet.Options.EtcdPath is { } path)
        {
            using var other = new TempFolder();
            await using var etcd = await ServerUnderTest.StartEtcd(path, other);
            note = $"etcd: {Describe(await CompactUnderWrites(sheet, etcd))}";
        }

        sheet.Say($"kine: {Describe(calls)}");
        sheet.Add(new Figure("Compact of a small keyspace under 64 writers: slowest answer", FigureUnits.Milliseconds(calls[^1]), CallLimit, "ms", Note: note));
    }

    private static async Task<long[]> CompactUnderWrites(FigureSheet sheet, ServerUnderTest server)
    {
        var update = new BenchOptions
        {
            Mode = BenchMode.Put,
            Endpoint = server.Endpoint,
            Pid = server.Pid,
            Keys = SmallKeys,
            Duration = sheet.Options.RoundTime,
            Warmup = Start,
            Seed = 1,
        };
        using var over = CancellationTokenSource.CreateLinkedTokenSource(sheet.Stopped);
        var compacting = Compact(server.Endpoint, over.Token);
        await sheet.RunOne(update);
        await over.CancelAsync();
        return await compacting;
    }

    private static async Task<long[]> Compact(string endpoint, CancellationToken over)
    {
        using var channel = new EtcdChannel(endpoint);
        var key = ByteString.CopyFromUtf8("compacted");
        var times = new List<long>();
        var skipped = (int)(Start / CallEvery);
        while (!over.IsCancellationRequested)
        {
            var revision = (await channel.Kv.PutAsync(new PutRequest { Key = key }, cancellationToken: CancellationToken.None)).Header.Revision;
            var start = Stopwatch.GetTimestamp();
            await channel.Kv.CompactAsync(new CompactionRequest { Revision = revision }, cancellationToken: CancellationToken.None);
            times.Add(Stopwatch.GetElapsedTime(start).Ticks * TimeSpan.NanosecondsPerTick);
            await Task.Delay(CallEvery, over).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return [.. times.Skip(skipped).Order()];
    }

    private static string Describe(long[] times) =>
        $"{times.Length} calls, p50 {BenchText.Time(times[times.Length / 2])}, p99 {BenchText.Time(times[times.Length * 99 / 100])}, slowest {BenchText.Time(times[^1])}";
}
