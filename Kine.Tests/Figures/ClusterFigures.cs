using System.Globalization;
using Kine.Host.Bench;

namespace Kine.Tests.Figures;

/// <summary>A cluster in which nobody ends: what it takes while nobody asks for anything, and how a process that only reads compares with the one that writes.</summary>
internal static class ClusterFigures
{
    private const double TransactionLimit = 2; // a second and process
    private const double IdleMemoryLimit = 150; // MB
    private const double GetLimit = 0.7; // of the writer's
    private const double CreateLimit = 0.6;
    private const double AsFast = 0.95; // as fast, but for the noise of two servers in turns
    private const double WatchLimit = 10; // ms
    private const double WritesPerSecond = 500;
    private const int MostFrequent = 5;
    private const string Statements = $"pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = '{ClusterUnderTest.Database}')";
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(5); // the processes are new

    /// <summary>Transactions against the database, and memory.</summary>
    public static async Task Idle(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet, "shared_preload_libraries=pg_stat_statements");
        await Query(cluster, "CREATE EXTENSION pg_stat_statements");
        await Task.Delay(Settle, sheet.Stopped);
        await Query(cluster, "SELECT pg_stat_statements_reset()");
        var before = await Transactions(cluster);
        await Task.Delay(sheet.Options.IdleTime, sheet.Stopped);
        var transactions = await Transactions(cluster) - before;
        var statements = Convert.ToDouble(await Query(cluster, $"SELECT coalesce(sum(calls), 0) FROM {Statements}"), CultureInfo.InvariantCulture);
        var all = sheet.Options.IdleTime.TotalSeconds * ClusterUnderTest.Size;
        sheet.Add(new Figure(
            "idle, three processes: transactions a second and process", transactions / all, TransactionLimit, "/s",
            Note: $"over {sheet.Options.IdleTime.TotalSeconds:0} s, {statements / all:0.00} statements"));
        var text = await Query(
            cluster,
            $"SELECT string_agg(calls || ' x ' || left(regexp_replace(query, '\\s+', ' ', 'g'), 100), E'\\n') FROM (SELECT * FROM {Statements} ORDER BY calls DESC LIMIT {MostFrequent}) AS most");
        foreach (var line in (text as string ?? "").Split('\n'))
            sheet.Say(line);

        sheet.Add(new Figure(
            "idle, empty store: RSS of a process that only reads", FigureUnits.Megabytes(cluster.Followers.Max(member => member.ResidentBytes)), IdleMemoryLimit, "MB",
            Note: $"the writer's {FigureUnits.Megabytes(cluster.Writer.ResidentBytes):0.0} MB"));
    }

    /// <summary>Reads and creates through a process that does not write, and through the one that does, in turns.</summary>
    public static async Task Reads(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet);
        var (reader, writer) = (cluster.Followers[0], cluster.Writer);
        var options = new BenchOptions
        {
            Mode = BenchMode.Get,
            Endpoint = reader.Endpoint,
            Pid = reader.Pid,
            Compare = writer.Endpoint,
            ComparePid = writer.Pid,
            Rounds = sheet.Options.Rounds,
            Duration = sheet.Options.RoundTime,
            Warmup = Warmup,
            Seed = 1,
        };
        (string Name, BenchOptions Run, double Limit)[] runs =
        [
            ("linearizable gets", options, GetLimit), ("serializable gets", options with { Serializable = true }, AsFast),
            ("pages of 500", options with { Mode = BenchMode.List }, AsFast), ("creates", options with { Mode = BenchMode.Create }, CreateLimit),
        ];
        foreach (var (name, run, limit) in runs)
        {
            var report = await sheet.Run(run);
            if (cluster.Writer != writer)
                throw new BenchException("another process writes now than the one that was measured");

            double[] ratios = [.. report.Targets[0].Rounds.Zip(report.Targets[1].Rounds, (other, own) => other.OperationsPerSecond / own.OperationsPerSecond).Order()];
            sheet.Add(new Figure(
                $"{name} through a process that only reads / writer", FigureUnits.Median(ratios), limit, "x", AtLeast: true,
                Note: $"{Rate(report, 0)} and {Rate(report, 1)}, rounds {ratios[0]:0.00} to {ratios[^1]:0.00}"));
        }
    }

    /// <summary>From a write on one process to the watch on another, both ways.</summary>
    public static async Task Watch(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet);
        var (writer, others) = (cluster.Writer, cluster.Followers);
        (string Name, ServerUnderTest From, ServerUnderTest To)[] ways =
        [
            ("the writer to another", writer, others[0]), ("one that only reads to the writer", others[0], writer), ("one that only reads to another", others[0], others[1]),
        ];
        foreach (var (name, from, to) in ways)
        {
            var watch = await sheet.RunOne(new BenchOptions
            {
                Mode = BenchMode.Watch,
                Endpoint = to.Endpoint,
                Pid = to.Pid,
                WriteEndpoint = from.Endpoint,
                Clients = 1,
                Rate = WritesPerSecond,
                Duration = sheet.Options.RoundTime,
                Warmup = Warmup,
                Seed = 1,
            });
            sheet.Add(new Figure(
                $"watch at {WritesPerSecond} writes/s, {name}: p99", FigureUnits.Milliseconds(watch.Latencies.Percentile(99)), WatchLimit, "ms",
                Note: $"p50 {BenchText.Time(watch.Latencies.Percentile(50))}"));
        }
    }

    private static async Task<double> Transactions(ClusterUnderTest cluster) => Convert.ToDouble(
        await Query(cluster, $"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{ClusterUnderTest.Database}'"), CultureInfo.InvariantCulture);

    // Beside kine's database, so that it does not count.
    private static Task<object?> Query(ClusterUnderTest cluster, string statement) => cluster.Postgres.Query("postgres", statement);

    private static string Rate(BenchReport report, int target) => $"{report.Targets[target].Sum().OperationsPerSecond:N0}/s";
}
