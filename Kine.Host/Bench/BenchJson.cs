using System.Text.Json;

namespace Kine.Host.Bench;

/// <summary>
/// The outcome as one JSON object: <c>mode</c>, the options that matter, <c>a</c> and <c>b</c> (each <c>endpoint</c>, <c>rounds</c>, <c>all</c>), and
/// <c>ratios</c> (A / B). Times are in microseconds, memory in bytes; what was not measured is null.
/// </summary>
internal static class BenchJson
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static string Write(BenchReport report)
    {
        var options = report.Options;
        var outcome = new Dictionary<string, object>
        {
            ["mode"] = options.Mode.ToString().ToLowerInvariant(),
            ["clients"] = options.Clients,
            ["connections"] = options.Connections,
            ["keySize"] = options.KeySize,
            ["valueSize"] = options.ValueSize,
            ["keys"] = options.Keys,
            ["limit"] = options.Limit,
            ["seed"] = options.Seed,
        };
        foreach (var target in report.Targets)
            outcome[target.Name.ToLowerInvariant()] = new { endpoint = target.Endpoint, rounds = target.Rounds.Select(Figures), all = Figures(target.Sum()) };

        if (report.Targets.Count > 1)
            outcome["ratios"] = BenchRatios.All.ToDictionary(ratio => ratio.JsonName, ratio => Rounded(report.MedianRatio(ratio.Figure)));

        return JsonSerializer.Serialize(outcome, Indented);
    }

    private static object Figures(RoundResult result) => new
    {
        serverCpuPerOperation = Rounded(result.ServerCpuPerOperation),
        operations = result.Operations,
        seconds = Rounded(result.Elapsed.TotalSeconds),
        opsPerSecond = Rounded(result.OperationsPerSecond),
        p50 = result.Latencies.Percentile(50) / 1e3,
        p99 = result.Latencies.Percentile(99) / 1e3,
        p999 = result.Latencies.Percentile(99.9) / 1e3,
        max = result.Latencies.Max() / 1e3,
        clientCpuPerOperation = Rounded(result.ClientCpuPerOperation),
        serverRss = result.ServerRss,
        compactionSeconds = Rounded(result.Compaction?.TotalSeconds),
        errors = result.Errors,
    };

    private static double? Rounded(double? value) => value is { } known ? Math.Round(known, 3) : null;
}
