namespace Kine.Backends.Nats;

/// <summary>Called for each message of several asked for, in any order and on any thread; once more where a request was repeated.</summary>
/// <param name="place">Its place among those asked for.</param>
/// <param name="tail">Header <see cref="LogTail.Header"/>.</param>
/// <param name="content">Header <see cref="LogTail.ContentHeader"/>, base64.</param>
/// <param name="data">Payload.</param>
internal delegate void MessageVisitor(int place, ReadOnlySpan<byte> tail, ReadOnlySpan<byte> content, ReadOnlySpan<byte> data);
