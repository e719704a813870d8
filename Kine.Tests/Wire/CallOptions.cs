namespace Kine.Tests.Wire;

/// <summary>What a call may carry beside its message.</summary>
public sealed record CallOptions
{
    public static CallOptions None { get; } = new();

    /// <summary>Compress the request and say so.</summary>
    public bool Gzip { get; init; }

    /// <summary>Offer gzip for the reply.</summary>
    public bool AcceptGzip { get; init; }

    /// <summary>grpc-timeout as it stands on the wire, for example "50m" (milliseconds) or "2S".</summary>
    public string? Timeout { get; init; }

    public IReadOnlyList<(string Name, string Value)> Metadata { get; init; } = [];
}
