using System.Buffers;
using NATS.Client.Core;

namespace Kine.Backends.Nats;

/// <summary>Gets a message on the thread that reads the socket; must neither block nor throw.</summary>
internal delegate void Received(string subject, in ArrivedMessage message);

/// <summary>
/// A subscription that hands out messages as they lie in the socket's buffer. The library's own makes a dictionary of strings of each message's
/// headers, and drops messages when its queue is full.
/// </summary>
internal sealed class Inbox(INatsConnection connection, string subject, Received received)
    : NatsSubBase(connection, connection.SubscriptionManager, subject, queueGroup: null, opts: null)
{
    public override ValueTask ReceiveAsync(
        string subject, string? replyTo, ReadOnlySequence<byte>? headersBuffer, ReadOnlySequence<byte> payloadBuffer) =>
        ReceiveInternalAsync(subject, replyTo, headersBuffer, payloadBuffer);

    protected override ValueTask ReceiveInternalAsync(
        string subject, string? replyTo, ReadOnlySequence<byte>? headersBuffer, ReadOnlySequence<byte> payloadBuffer)
    {
        var headers = headersBuffer ?? ReadOnlySequence<byte>.Empty;
        received(subject, new ArrivedMessage(
            headers.IsSingleSegment ? headers.FirstSpan : headers.ToArray(),
            payloadBuffer.IsSingleSegment ? payloadBuffer.FirstSpan : payloadBuffer.ToArray()));
        return ValueTask.CompletedTask;
    }

    protected override void TryComplete()
    {
    }
}
