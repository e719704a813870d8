using Kine.Host.Metrics;

namespace Kine.Host.Grpc;

/// <summary>One method of a service: how its messages are read, handled and answered.</summary>
internal abstract class GrpcMethod(string service, string name, string shape)
{
    /// <summary>For example etcdserverpb.KV.</summary>
    public string Service { get; } = service;

    /// <summary>For example Range.</summary>
    public string Name { get; } = name;

    /// <summary>unary, server_stream or bidi_stream, as metrics name it.</summary>
    public string Shape { get; } = shape;

    /// <summary>The :path of its calls.</summary>
    public string Path { get; } = $"/{service}/{name}";

    public CallStats Stats { get; } = new(shape, service, name);

    /// <summary>Answers one call, its errors included: the task never fails.</summary>
    public abstract Task Invoke(GrpcCall call);
}
