
namespace Kine.Host.Bench;

/// <summary>Figures as people read them.</summary>
internal static class BenchText
{
    /// <summary>The columns of a result.</summary>
    public const string Heading =
        "              server us/op        ops     ops/s       p50       p99     p99.9       max  errors  client us/op    RSS MiB";

    /// <summary>One row under <see cref="Heading"/>, and one line for each kind of error.</summary>
    public static IEnumerable<string> Rows(string label, RoundResult result)
    {
        var latencies = result.Latencies;
        yield return
            $"{label,-12} {Cpu(result.ServerCpuPerOperation),13} {result.Operations,10:N0} {result.OperationsPerSecond,9:N0} {Time(latencies.Percentile(50)),9} {Time(latencies.Percentile(99)),9} {Time(latencies.Percentile(99.9)),9} {Time(latencies.Max()),9} {result.ErrorCount,7:N0} {result.ClientCpuPerOperation,13:N1} {result.ServerRss / 1048576.0,10:N1}";
        if (result.Compaction is { } compaction)
            yield return $"             compacted within {Time(compaction.Ticks * TimeSpan.NanosecondsPerTick)}";

        foreach (var (name, count) in result.Errors.OrderByDescending(error => error.Value))
            yield return $"             {count:N0} x {name}";
    }

    /// <summary>A duration given in nanoseconds, with three digits.</summary>
    public static string Time(long nanoseconds) => nanoseconds switch
    {
        0 => "-",
        < 1_000_000 => $"{nanoseconds / 1e3:0} us",
        < 10_000_000 => $"{nanoseconds / 1e6:0.00} ms",
        < 1_000_000_000 => $"{nanoseconds / 1e6:0.0} ms",
        _ => $"{nanoseconds / 1e9:0.00} s",
    };

    private static string Server(string endpoint, int? pid) => pid is { } known ? $"{endpoint}, {new ServerProcess(known).Description}" : endpoint;

    // The headline: how much of a server its callers need does not depend on how heavy they are themselves.
    private static string Cpu(double? microseconds) => microseconds is { } known ? known.ToString("N1") : "-";

    /// <summary>What is about to be run, in one line.</summary>
    public static string Describe(BenchOptions options)
    {
        var servers = options.Compare is null
            ? Server(options.Endpoint, options.Pid)
            : $"A {Server(options.Endpoint, options.Pid)}, B {Server(options.Compare, options.ComparePid)}";
        var work = options.Mode switch
        {
            BenchMode.Create => "new keys",
            BenchMode.List or BenchMode.Walk => $"pages of {options.Limit:N0} out of {options.Keys:N0} keys",
            BenchMode.Watch => $"{options.Writers} writers{(options.WriteEndpoint is { } other ? $" at {other}" : "")}, {options.Keys:N0} keys",
            _ => $"{options.Keys:N0} keys",
        };
        return
            $"{options.Mode.ToString().ToLowerInvariant()}: {servers}; {options.Clients} clients on {options.Connections} connections; {work} of {options.KeySize} B, values of {options.ValueSize} B; seed {options.Seed}";
    }

    /// <summary>The whole outcome after the single rounds: sums, and ratios if two servers were compared.</summary>
    public static IEnumerable<string> Summary(BenchReport report)
    {
        foreach (var target in report.Targets.Where(target => target.Rounds.Count > 1))
        {
            foreach (var row in Rows($"{target.Name} all", target.Sum()))
                yield return row;
        }

        if (Ratios(report) is { } ratios)
            yield return ratios;
    }

    /// <summary>How A compares with B, in one line; null without a B.</summary>
    public static string? Ratios(BenchReport report) => report.Targets.Count < 2
        ? null
        : "A / B, median of the rounds: " + string.Join(", ", BenchRatios.All
            .Select(ratio => (ratio.Label, Value: report.MedianRatio(ratio.Figure)))
            .Where(ratio => ratio.Value is not null)
            .Select(ratio => $"{ratio.Label} {ratio.Value:0.00}"));
}
