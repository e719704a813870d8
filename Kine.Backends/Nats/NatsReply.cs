namespace Kine.Backends.Nats;

/// <summary>A message that arrived, copied out of the library.</summary>
/// <param name="Data">Payload.</param>
/// <param name="Status">The server's own status line: 404, 408, 503, ...; 0 for a message of somebody else.</param>
/// <param name="Tail">Header <see cref="LogTail.Header"/>, ASCII; empty when absent.</param>
/// <param name="Content">Header <see cref="LogTail.ContentHeader"/>, base64; empty when absent.</param>
internal sealed record NatsReply(byte[] Data, int Status, byte[] Tail, byte[] Content)
{
    /// <summary>Nobody listens on the subject of the request.</summary>
    public const int NoResponders = 503;

    /// <summary>A request for messages of a consumer got fewer than it asked for.</summary>
    public const int RequestExpired = 408;

    /// <summary>No such message.</summary>
    public const int NotFound = 404;
}
