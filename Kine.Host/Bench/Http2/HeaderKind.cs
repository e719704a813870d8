namespace Kine.Host.Bench.Http2;

/// <summary>The headers a gRPC client looks at.</summary>
public enum HeaderKind
{
    /// <summary>Any other.</summary>
    Other,

    /// <summary>:status.</summary>
    Status,

    /// <summary>grpc-status.</summary>
    GrpcStatus,

    /// <summary>grpc-message, percent-encoded.</summary>
    GrpcMessage,
}
