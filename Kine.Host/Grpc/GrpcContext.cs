using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>What all calls of a server share.</summary>
internal sealed class GrpcContext(TimeProvider time, ILogger logger, CancellationToken stopping)
{
    public TimeProvider Time { get; } = time;

    public ILogger Logger { get; } = logger;

    /// <summary>Fires when the server begins to stop; streaming calls end then.</summary>
    public CancellationToken Stopping { get; } = stopping;

    public PartialMessages PartialMessages { get; } = new(GrpcLimits.MaxPartialBytes, GrpcLimits.PartialTime, time);
}
