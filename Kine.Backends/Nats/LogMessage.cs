namespace Kine.Backends.Nats;

/// <summary>A message of the log that was read.</summary>
/// <param name="Tail">Of <see cref="LogTail.Header"/>.</param>
/// <param name="Content">Of <see cref="LogTail.ContentHeader"/>, decoded.</param>
/// <param name="Data">Payload; empty where only headers were asked for.</param>
internal sealed record LogMessage(LogTail Tail, byte[] Content, byte[] Data)
{
    /// <summary>Copies it out of the socket's buffer. Throws <see cref="StoreBrokenException"/> when it is none of the log's.</summary>
    public static LogMessage Of(in ArrivedMessage message) =>
        new(LogTail.Parse(message.Tail), ByteReader.FromHeader(message.Content), message.Data.ToArray());
}
