namespace Kine.Host.Grpc;

/// <summary>Where and how the server listens.</summary>
internal sealed record GrpcServerSettings
{
    /// <summary>For etcd's clients.</summary>
    public required ListenAddress Address { get; init; }

    /// <summary>TLS of that address; null = plain text.</summary>
    public ServerTls? Tls { get; init; }

    /// <summary>For metrics and health alone; null = nowhere.</summary>
    public ListenAddress? MetricsAddress { get; init; }

    /// <summary>TLS of the metrics address; null = plain text.</summary>
    public ServerTls? MetricsTls { get; init; }
}
