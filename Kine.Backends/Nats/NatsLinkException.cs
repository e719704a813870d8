namespace Kine.Backends.Nats;

/// <summary>A connection to NATS failed.</summary>
/// <param name="message">What happened.</param>
/// <param name="sent">True when the request may have reached the server.</param>
internal sealed class NatsLinkException(string message, bool sent, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when the request may have reached the server.</summary>
    public bool MaybeSent => sent;

    /// <summary>True when the server refused the log-in, which waiting won't mend.</summary>
    public bool Refused { get; init; }
}
