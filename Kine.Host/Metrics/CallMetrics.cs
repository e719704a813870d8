using System.Diagnostics.Metrics;
using Grpc.Core;

namespace Kine.Host.Metrics;

/// <summary>The calls of each method under the names of Go's gRPC metrics, and etcd's sum of their bytes. All series stand from the start.</summary>
internal static class CallMetrics
{
    private const string Prefix = "grpc_server_";

    private static readonly double[] LatencyBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private static readonly KeyValuePair<string, object?>[] Codes =
        [.. Enum.GetValues<StatusCode>().Select(code => new KeyValuePair<string, object?>("grpc_code", Name(code)))];

    /// <summary>Most series that one name has of one method: a code each.</summary>
    public static int MaxSeriesOfMethod => Codes.Length;

    /// <summary>True for the instruments that have series of each method.</summary>
    public static bool Owns(Instrument instrument) => instrument.Name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Adds the instruments over the methods.</summary>
    public static void Add(Meter meter, IReadOnlyCollection<CallStats> methods)
    {
        meter.CreateObservableCounter(Prefix + "started_total", () => Each(methods, m => m.Started), null, "Calls begun.");
        meter.CreateObservableCounter(Prefix + "handled_total", () => Handled(methods), null, "Calls ended, by status.");
        meter.CreateObservableCounter(Prefix + "msg_received_total", () => Each(methods, m => m.Received), null, "Messages of clients.");
        meter.CreateObservableCounter(Prefix + "msg_sent_total", () => Each(methods, m => m.Sent), null, "Messages to clients.");
        meter.CreateObservableCounter(
            "etcd_network_client_grpc_received_bytes_total", () => methods.Sum(m => m.ReceivedBytes), null, "Bytes of the messages of clients.");
        meter.CreateObservableCounter(
            "etcd_network_client_grpc_sent_bytes_total", () => methods.Sum(m => m.SentBytes), null, "Bytes of the messages to clients.");

        var latency = meter.CreateHistogram(
            Prefix + "handling_seconds",
            null,
            "Time from the first byte of a call to its end.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = LatencyBounds });
        foreach (var method in methods)
            method.Latency = latency;
    }

    private static IEnumerable<Measurement<long>> Each(IReadOnlyCollection<CallStats> methods, Func<CallStats, long> count) =>
        methods.Select(m => new Measurement<long>(count(m), m.Labels));

    private static IEnumerable<Measurement<long>> Handled(IReadOnlyCollection<CallStats> methods) =>
        methods.SelectMany(m => Codes.Select((code, number) => new Measurement<long>(m.Handled((StatusCode)number), [.. m.Labels, code])));

    // "Canceled" is Go's spelling.
    private static string Name(StatusCode code) => code == StatusCode.Cancelled ? "Canceled" : code.ToString();
}
