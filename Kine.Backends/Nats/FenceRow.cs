using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>
/// Reads what the fence row of the other stores says: out of the stream's last message, and out of the one that names the holder. Two small requests,
/// one when nothing has changed.
/// </summary>
internal sealed class FenceRow(LogStream stream)
{
    private const int Tries = 8;
    private volatile Seen _seen = new(LogTail.Empty, FenceContent.None);

    /// <summary>See <see cref="IRevisionStore.ReadFence"/>.</summary>
    public async Task<Fence> Read(Connection connection, CancellationToken cancellationToken)
    {
        for (var tries = 0; ; tries++)
        {
            var state = await stream.State(connection, cancellationToken).ConfigureAwait(false);
            var tail = _seen.Tail;
            if (tail.Sequence != state.LastSeq)
                tail = await ReadTail(connection, state, cancellationToken).ConfigureAwait(false);

            if (await ReadHolder(connection, tail.Fence, cancellationToken).ConfigureAwait(false) is { } holder)
            {
                _seen = new Seen(tail, holder);
                return Of(tail, holder);
            }
            if (tries == Tries)
                throw new StoreBrokenException($"message {tail.Fence} of the log, which names its holder, is gone");
        }
    }

    /// <summary>The row that a state of the log amounts to. Its counter is the sequence, which every message moves by one.</summary>
    public static Fence Of(LogTail tail, FenceContent holder) =>
        new(tail.Epoch, holder.Holder, holder.Address, holder.LeaseTime, (long)tail.Sequence, tail.LastRevision);

    /// <summary>The last message's tail; it may be deleted or be followed by deleted ones, never by ones that count.</summary>
    public async Task<LogTail> ReadTail(Connection connection, StreamState state, CancellationToken cancellationToken)
    {
        if (state.LastSeq == 0 || state.Messages == 0)
            return LogTail.Empty with { Sequence = state.LastSeq };

        var last = await stream.Get(connection, state.LastSeq, cancellationToken).ConfigureAwait(false)
            ?? await stream.GetLast(connection, cancellationToken).ConfigureAwait(false);
        if (last is null)
            return LogTail.Empty with { Sequence = state.LastSeq };

        var tail = last.Tail;
        for (var sequence = tail.Sequence - 1; tail.Kind == MessageKind.Part && sequence >= state.FirstSeq; sequence--)
        {
            // A part may be of a writer that did not know it was replaced: only what came before all parts tells.
            if (await stream.Get(connection, sequence, cancellationToken).ConfigureAwait(false) is { } before)
                tail = before.Tail;
        }
        return tail with { Sequence = state.LastSeq };
    }

    /// <summary>What the message says that names the holder; null when it is gone.</summary>
    public async Task<FenceContent?> ReadHolder(Connection connection, ulong sequence, CancellationToken cancellationToken)
    {
        if (sequence == 0)
            return FenceContent.None;

        if (_seen is var seen && seen.Tail.Fence == sequence)
            return seen.Holder;

        return await stream.Get(connection, sequence, cancellationToken).ConfigureAwait(false) is { } message ? FenceContent.Read(message.Content) : null;
    }

    private sealed record Seen(LogTail Tail, FenceContent Holder);
}
