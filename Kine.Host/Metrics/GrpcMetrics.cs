using Kine.Grains;
using Kine.Host.Grpc;

namespace Kine.Host.Metrics;

/// <summary>The calls of each method, under the names of Go's gRPC metrics, which dashboards for etcd ask for.</summary>
internal static class GrpcMetrics
{
    public static void Write(PrometheusText text, MethodTable methods)
    {
        var used = methods.Methods.Where(m => m.Stats.Started != 0).ToArray();

        text.Metric("grpc_server_started_total", "counter", "Calls begun.");
        foreach (var method in used)
        {
            text.Sample("grpc_server_started_total", Labels(method), method.Stats.Started);
        }

        text.Metric("grpc_server_handled_total", "counter", "Calls ended, by status.");
        foreach (var method in used)
        {
            foreach (var code in Enum.GetValues<StatusCode>())
            {
                if (method.Stats.Handled(code) is var count and not 0)
                {
                    text.Sample("grpc_server_handled_total", $"{Labels(method)},{PrometheusText.Label("grpc_code", Name(code))}", count);
                }
            }
        }

        text.Metric("grpc_server_handling_seconds", "histogram", "Time from the first byte of a call to its end.");
        foreach (var method in used)
        {
            text.Histogram("grpc_server_handling_seconds", Labels(method), CallStats.Bounds, method.Stats.Bucket, method.Stats.TotalSeconds);
        }
    }

    private static string Labels(GrpcMethod method) =>
        $"{PrometheusText.Label("grpc_type", method.Shape)},{PrometheusText.Label("grpc_service", method.Service)},{PrometheusText.Label("grpc_method", method.Name)}";

    private static string Name(StatusCode code) => code switch
    {
        StatusCode.Ok => "OK",
        StatusCode.Cancelled => "Canceled", // Go's spelling
        _ => code.ToString(),
    };
}
