namespace Kine.Host.Bench;

/// <summary>The figures that are put into relation when two servers are compared.</summary>
internal static class BenchRatios
{
    public static readonly (string Label, string JsonName, Func<RoundResult, double?> Figure)[] All =
    [
        ("server CPU per op", "serverCpuPerOperation", round => round.ServerCpuPerOperation),
        ("ops/s", "opsPerSecond", round => round.OperationsPerSecond),
        ("p50", "p50", round => round.Latencies.Percentile(50)),
        ("p99", "p99", round => round.Latencies.Percentile(99)),
        ("p99.9", "p999", round => round.Latencies.Percentile(99.9)),
        ("RSS", "serverRss", round => round.ServerRss),
    ];
}
