namespace Kine.Grains;

/// <summary>
/// An answer that is an error: its gRPC code, and as message the text that clients match on. <see cref="EtcdErrors"/> has them all by name.
/// </summary>
[GenerateSerializer]
public sealed class EtcdException(StatusCode code, string message) : Exception(message)
{
    /// <summary>The same error as an object of its own: one that several callers throw would mix up their stack traces.</summary>
    public EtcdException Copy() => new(Code, Message) { IsNoLeader = IsNoLeader };

    /// <summary>gRPC status code.</summary>
    [Id(0)]
    public StatusCode Code { get; private set; } = code;

    /// <summary>True for <see cref="EtcdErrors.NoLeader"/>, which shares its code with others.</summary>
    [Id(1)]
    public bool IsNoLeader { get; init; }
}
