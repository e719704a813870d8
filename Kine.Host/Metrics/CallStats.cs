using System.Diagnostics.Metrics;
using Grpc.Core;

namespace Kine.Host.Metrics;

/// <summary>What calls of one method come to. Every call passes here, so these are plain counters, and instruments read them when somebody asks.</summary>
/// <param name="shape">unary, server_stream or bidi_stream, as Go's gRPC metrics name it.</param>
/// <param name="service">For example etcdserverpb.KV.</param>
/// <param name="method">For example Range.</param>
internal sealed class CallStats(string shape, string service, string method)
{
    private readonly long[] _handled = new long[(int)StatusCode.Unauthenticated + 1];
    private long _started;
    private long _received;
    private long _receivedBytes;
    private long _sent;
    private long _sentBytes;

    /// <summary>Names the method on every series.</summary>
    public KeyValuePair<string, object?>[] Labels { get; } =
        [new("grpc_type", shape), new("grpc_service", service), new("grpc_method", method)];

    /// <summary>True when either side may send several messages.</summary>
    public bool IsStream { get; } = shape.EndsWith("_stream", StringComparison.Ordinal);

    /// <summary>Takes the seconds of each call; none before somebody measures.</summary>
    public Histogram<double>? Latency { get; set; }

    /// <summary>Calls begun.</summary>
    public long Started => Volatile.Read(ref _started);

    /// <summary>Messages of clients.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Bytes of those messages, without gRPC's own.</summary>
    public long ReceivedBytes => Volatile.Read(ref _receivedBytes);

    /// <summary>Messages to clients.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <summary>Bytes of those messages, without gRPC's own.</summary>
    public long SentBytes => Volatile.Read(ref _sentBytes);

    /// <summary>Calls ended with the code.</summary>
    public long Handled(StatusCode code) => Volatile.Read(ref _handled[(int)code]);

    public void Begin() => Interlocked.Increment(ref _started);

    /// <summary>A client's message of that encoded length was read.</summary>
    public void Receive(long bytes)
    {
        Interlocked.Increment(ref _received);
        Interlocked.Add(ref _receivedBytes, bytes);
    }

    /// <summary>A message of that encoded length was begun.</summary>
    public void Send(long bytes)
    {
        Interlocked.Increment(ref _sent);
        Interlocked.Add(ref _sentBytes, bytes);
    }

    public void End(StatusCode code, TimeSpan elapsed)
    {
        Interlocked.Increment(ref _handled[(int)code]);
        Latency?.Record(elapsed.TotalSeconds, Labels);
    }
}
