namespace Kine.Host.Bench.Http2;

/// <summary>What a call may carry besides its message.</summary>
public sealed record CallOptions
{
    /// <summary>Request metadata: lower-case names, ASCII values; a name that ends in -bin takes base64.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Metadata { get; init; }

    /// <summary>Deadline counted from the call, sent as grpc-timeout and enforced here too (DeadlineExceeded).</summary>
    public TimeSpan? Timeout { get; init; }
}
