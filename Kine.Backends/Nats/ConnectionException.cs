namespace Kine.Backends.Nats;

/// <summary>A connection to NATS failed.</summary>
/// <param name="message">What happened.</param>
/// <param name="sent">True when the request may have reached the server, or may yet.</param>
internal sealed class ConnectionException(string message, bool sent, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True when the request may have reached the server, or may yet.</summary>
    public bool MaybeSent => sent;

    /// <summary>True when the log-in was refused or cannot be tried, which waiting won't mend.</summary>
    public bool Refused { get; init; }

    /// <summary>True when no answer came, and the server said on this connection that the user lacks a permission.</summary>
    public bool Denied { get; init; }
}
