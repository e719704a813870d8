using System.Text;
using System.Text.Json;

namespace Kine.Host.Bench;

/// <summary>
/// The outcome as one JSON object: <c>mode</c>, the options that matter, <c>a</c> and <c>b</c> (each <c>endpoint</c>, <c>rounds</c>, <c>all</c>), and
/// <c>ratios</c> (A / B). Times are in microseconds, memory in bytes; what was not measured is null.
/// </summary>
internal static class BenchJson
{
    public static string Write(BenchReport report)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            var options = report.Options;
            json.WriteStartObject();
            json.WriteString("mode", options.Mode.ToString().ToLowerInvariant());
            json.WriteNumber("clients", options.Clients);
            json.WriteNumber("connections", options.Connections);
            json.WriteNumber("keySize", options.KeySize);
            json.WriteNumber("valueSize", options.ValueSize);
            if (options.Mode != BenchMode.Create)
            {
                json.WriteNumber("keys", options.Keys);
            }

            if (options.Mode is BenchMode.List or BenchMode.Walk)
            {
                json.WriteNumber("limit", options.Limit);
            }

            json.WriteNumber("seed", options.Seed);
            foreach (var target in report.Targets)
            {
                json.WriteStartObject(target.Name.ToLowerInvariant());
                json.WriteString("endpoint", target.Endpoint);
                json.WriteStartArray("rounds");
                foreach (var round in target.Rounds)
                {
                    WriteResult(json, round);
                }

                json.WriteEndArray();
                json.WritePropertyName("all");
                WriteResult(json, target.Sum());
                json.WriteEndObject();
            }

            if (report.Targets.Count > 1)
            {
                json.WriteStartObject("ratios");
                foreach (var (_, name, figure) in BenchRatios.All)
                {
                    WriteNumber(json, name, report.MedianRatio(figure));
                }

                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void WriteResult(Utf8JsonWriter json, RoundResult result)
    {
        json.WriteStartObject();
        WriteNumber(json, "serverCpuPerOperation", result.ServerCpuPerOperation);
        json.WriteNumber("operations", result.Operations);
        json.WriteNumber("seconds", Math.Round(result.Elapsed.TotalSeconds, 3));
        json.WriteNumber("opsPerSecond", Math.Round(result.OperationsPerSecond, 1));
        json.WriteNumber("p50", result.Latencies.Percentile(50) / 1e3);
        json.WriteNumber("p99", result.Latencies.Percentile(99) / 1e3);
        json.WriteNumber("p999", result.Latencies.Percentile(99.9) / 1e3);
        json.WriteNumber("max", result.Latencies.Max() / 1e3);
        json.WriteNumber("clientCpuPerOperation", Math.Round(result.ClientCpuPerOperation, 2));
        WriteNumber(json, "serverRss", result.ServerRss);
        WriteNumber(json, "compactionSeconds", result.Compaction?.TotalSeconds);
        json.WriteStartObject("errors");
        foreach (var (name, count) in result.Errors)
        {
            json.WriteNumber(name, count);
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, Math.Round(number, 3));
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
