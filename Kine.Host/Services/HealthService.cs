using System.Runtime.CompilerServices;
using Kine.Etcd;
using Kine.Grains;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>grpc.health.v1. Only the server as a whole (the empty service name) is known, as in etcd; it serves from its first answer until it stops.</summary>
internal static class HealthService
{
    public const string Name = "grpc.health.v1.Health";

    public static void Bind(MethodTable methods, CancellationToken stopping)
    {
        methods.Add(new MessageMethod<HealthCheckRequest, HealthCheckResponse>(
            Name, "Check", HealthCheckRequest.Parser, (request, _) => Check(request, stopping)));
        methods.Add(new ServerStreamingMethod<HealthCheckRequest, HealthCheckResponse>(Name, "Watch", HealthCheckRequest.Parser, Watch));
    }

    private static Task<HealthCheckResponse> Check(HealthCheckRequest request, CancellationToken stopping)
    {
        if (request.Service.Length != 0)
        {
            throw new EtcdException(StatusCode.NotFound, "unknown service");
        }

        var status = stopping.IsCancellationRequested
            ? HealthCheckResponse.Types.ServingStatus.NotServing
            : HealthCheckResponse.Types.ServingStatus.Serving;
        return Task.FromResult(new HealthCheckResponse { Status = status });
    }

    // The status changes only when the server stops, and that ends the stream.
    private static async IAsyncEnumerable<HealthCheckResponse> Watch(
        HealthCheckRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new HealthCheckResponse
        {
            Status = request.Service.Length == 0
                ? HealthCheckResponse.Types.ServingStatus.Serving
                : HealthCheckResponse.Types.ServingStatus.ServiceUnknown,
        };
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }
}
