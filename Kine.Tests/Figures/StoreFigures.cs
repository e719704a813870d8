using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>kine on each database that was named: beside etcd, beside kine on SQLite, and with a million keys.</summary>
internal static class StoreFigures
{
    private const double CreateLimit = 0.5; // of etcd's operations per second
    private const double PostgresCreateLimit = 0.7;
    private const double ReadLimit = 0.95; // of the operations per second on SQLite: as fast, but for the noise of two servers in turns
    private const double WatchLimit = 10; // ms
    private const double RestartLimit = 15; // s
    private const int Watchers = 100;
    private const double WritesPerSecond = 500;
    private const string SmallestCache = "1048576"; // bytes: eight pages

    /// <summary>Creates, reads and watches.</summary>
    public static async Task Run(FigureSheet sheet)
    {
        foreach (var store in Stores(sheet))
        {
            await Creates(sheet, store);
            await Reads(sheet, store);
            await UncachedPages(sheet, store);
        }
    }

    /// <summary>The time to be back with a million keys.</summary>
    public static async Task Million(FigureSheet sheet)
    {
        foreach (var store in Stores(sheet))
        {
            var endpoint = store.NewEndpoint();
            await using (var server = await Start(sheet, endpoint))
            {
                await sheet.RunOne(Options(sheet, server, BenchMode.Put) with
                {
                    Keys = sheet.Options.Keys,
                    ValueSize = 256,
                    InTurn = true,
                    Total = sheet.Options.Keys,
                    Duration = TimeSpan.FromHours(1),
                    Load = false,
                    Warmup = TimeSpan.Zero,
                });
                await server.Stop();
            }

            await using (var server = await Start(sheet, endpoint))
            {
                Restarted(sheet, store, server, "a clean stop");
                await server.KillHard();
            }

            await using (var server = await Start(sheet, endpoint))
            {
                Restarted(sheet, store, server, "kill -9");
            }
        }
    }

    private static IReadOnlyList<StoreUnderTest> Stores(FigureSheet sheet) => sheet.Options.Stores.Count > 0
        ? sheet.Options.Stores
        : throw new BenchException("no database was named with --store");

    private static async Task Creates(FigureSheet sheet, StoreUnderTest store)
    {
        if (sheet.Options.EtcdPath is not { } etcdPath)
            throw new BenchException("the comparison needs an etcd: give its path with --etcd");

        using var folder = new TempFolder();
        await using var server = await Start(sheet, store.NewEndpoint());
        await using var etcd = await ServerUnderTest.StartEtcd(etcdPath, folder);
        var creates = await sheet.Run(Options(sheet, server, BenchMode.Create) with { Compare = etcd.Endpoint, ComparePid = etcd.Pid, Rounds = sheet.Options.Rounds });
        AddRatio(sheet, $"{store.Name}: creates, 64 clients, beside etcd", creates, store.Name.StartsWith("postgres", StringComparison.Ordinal) ? PostgresCreateLimit : CreateLimit);

        var watch = await sheet.RunOne(Options(sheet, server, BenchMode.Watch) with { Clients = Watchers, Rate = WritesPerSecond });
        sheet.Add(new Figure(
            $"{store.Name}: {Watchers} watchers at {WritesPerSecond} writes/s: p99", FigureUnits.Milliseconds(watch.Latencies.Percentile(99)), WatchLimit, "ms",
            Note: $"p50 {BenchText.Time(watch.Latencies.Percentile(50))}"));
    }

    private static async Task Reads(FigureSheet sheet, StoreUnderTest store)
    {
        using var sqliteFolder = new TempFolder();
        await using var server = await Start(sheet, store.NewEndpoint());
        await using var sqlite = await ServerUnderTest.StartKine(sheet.Options.KinePath, sqliteFolder);
        foreach (var mode in new[] { BenchMode.Get, BenchMode.List })
        {
            var report = await sheet.Run(Options(sheet, server, mode) with { Compare = sqlite.Endpoint, ComparePid = sqlite.Pid, Rounds = sheet.Options.Rounds });
            AddRatio(sheet, $"{store.Name}: {mode.ToString().ToLowerInvariant()}, 64 clients, beside SQLite", report, ReadLimit);
        }
    }

    // No limit was promised for them; whoever restarts a server meets them.
    private static async Task UncachedPages(FigureSheet sheet, StoreUnderTest store)
    {
        await using var server = await Start(sheet, store.NewEndpoint(), "--cache-bytes", SmallestCache);
        var options = Options(sheet, server, BenchMode.List) with { Keys = sheet.Options.Keys / 10 };
        await sheet.Run(options with { Duration = TimeSpan.FromSeconds(1), Warmup = TimeSpan.Zero });
        var pages = await sheet.RunOne(options with { Clients = 1, Connections = 1, Load = false });
        sheet.Say($"{store.Name}: page of 500 of {options.Keys:N0} keys, uncached, one client: p50 {BenchText.Time(pages.Latencies.Percentile(50))}, p99 {BenchText.Time(pages.Latencies.Percentile(99))}");
    }

    private static void AddRatio(FigureSheet sheet, string name, BenchReport report, double limit) => sheet.Add(new Figure(
        name, report.MedianRatio(round => round.OperationsPerSecond) ?? 0, limit, "x", AtLeast: true,
        Note: $"{report.Targets[0].Sum().OperationsPerSecond:N0} and {report.Targets[1].Sum().OperationsPerSecond:N0} ops/s"));

    private static void Restarted(FigureSheet sheet, StoreUnderTest store, ServerUnderTest server, string after) =>
        sheet.Add(new Figure($"{store.Name}, {sheet.Options.Keys:N0} keys: ready after {after}", server.ReadyAfter.TotalSeconds, RestartLimit, "s"));

    private static Task<ServerUnderTest> Start(FigureSheet sheet, string endpoint, params string[] more) =>
        ServerUnderTest.StartKineOn(sheet.Options.KinePath, endpoint, more);

    private static BenchOptions Options(FigureSheet sheet, ServerUnderTest server, BenchMode mode) => new()
    {
        Mode = mode,
        Endpoint = server.Endpoint,
        Pid = server.Pid,
        Duration = sheet.Options.RoundTime,
        Seed = 1,
    };
}
