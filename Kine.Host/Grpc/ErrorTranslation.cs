using Grpc.Core;
using Kine.Backends;
using Kine.Grains;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>Turns what a method throws into etcd's errors. Faults of our own are logged, and the client is told nothing of them.</summary>
/// <param name="stopping">Fires when the server begins to stop; the token of each stream does then too.</param>
/// <param name="logger">Told of faults.</param>
internal sealed class ErrorTranslation(CancellationToken stopping, ILogger logger)
{
    /// <summary>The error that the call ends with.</summary>
    public RpcException Translate(Exception error, ServerCallContext context)
    {
        switch (error)
        {
            case RpcException known:
                return known;
            case EtcdException etcd:
                return GrpcErrors.Of(etcd);
            case StoreUnavailableException:
                logger.LogWarning("{Method} could not read the store: {Reason}", context.Method, error.Message);
                return GrpcErrors.Of(EtcdErrors.TimedOut);
            case var _ when context.CancellationToken.IsCancellationRequested:
                return stopping.IsCancellationRequested ? GrpcErrors.Of(EtcdErrors.ServerStopped) : GrpcErrors.Cancelled;
            case OperationCanceledException or IOException: // The stream is gone, and its token learns of it later.
                return GrpcErrors.Cancelled;
            default:
                logger.LogError(error, "{Method} failed", context.Method);
                return GrpcErrors.Fault;
        }
    }
}
