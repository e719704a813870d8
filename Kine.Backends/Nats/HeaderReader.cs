using System.Threading.Channels;

namespace Kine.Backends.Nats;

/// <summary>Streams the headers of messages in the order of their sequences, without payloads, through a short-lived consumer.</summary>
internal sealed class HeaderReader(NatsOptions options, JetStreamApi api)
{
    private const int BatchMessages = 512;

    /// <summary>Hands out each message present from one sequence to another, both included. <paramref name="visit"/> returns false to stop early.</summary>
    public async Task Read(NatsLink link, ulong from, ulong to, Func<NatsReply, LogTail, bool> visit, CancellationToken cancellationToken)
    {
        (var consumer, var messages) = await api.CreateHeaderConsumer(link, from).ConfigureAwait(false);
        messages = (long)Math.Min((ulong)messages, to < from ? 0 : to - from + 1);
        var arrived = Channel.CreateUnbounded<NatsReply?>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = false });
        using var inbox = link.Listen(reply => arrived.Writer.TryWrite(reply));
        try
        {
            // Asking for more than there are would wait for ones to come.
            while (messages > 0)
            {
                var count = (int)Math.Min(messages, BatchMessages);
                messages = await ReadBatch(link, inbox, arrived.Reader, api.Next(consumer, count), count, to, visit, cancellationToken).ConfigureAwait(false) ? messages - count : 0;
            }
        }
        finally
        {
            // One that is still sending is left to end by itself: the server forgets it a while later.
            if (link.IsAlive && inbox.IsDrained)
            {
                await api.DeleteConsumer(link, consumer).ConfigureAwait(false);
            }
        }
    }

    private async Task<bool> ReadBatch(
        NatsLink link,
        NatsLink.Inbox inbox,
        ChannelReader<NatsReply?> arrived,
        OutgoingMessage request,
        int messages,
        ulong to,
        Func<NatsReply, LogTail, bool> visit,
        CancellationToken cancellationToken)
    {
        inbox.Send(request, messages);
        for (var count = 0; count < messages; count++)
        {
            var reply = await Take(arrived, link, cancellationToken).ConfigureAwait(false);
            if (reply.Tail.Length == 0)
            {
                // Some were deleted meanwhile.
                return reply.Status is NatsReply.NotFound or NatsReply.RequestExpired
                    ? count > 0
                    : throw new NatsLinkException($"a consumer of the log ended with status {reply.Status}", sent: false);
            }
            var tail = LogTail.Parse(reply.Tail);
            if (tail.Sequence > to || !visit(reply, tail) || tail.Sequence == to)
            {
                return false;
            }
        }
        return true;
    }

    private async Task<NatsReply> Take(ChannelReader<NatsReply?> arrived, NatsLink link, CancellationToken cancellationToken)
    {
        if (arrived.TryRead(out var ready))
        {
            return ready ?? throw new NatsLinkException("the connection to NATS was lost", sent: true);
        }

        try
        {
            return await arrived.ReadAsync(cancellationToken).AsTask().WaitAsync(options.Timeout, cancellationToken).ConfigureAwait(false)
                ?? throw new NatsLinkException("the connection to NATS was lost", sent: true);
        }
        catch (TimeoutException error)
        {
            link.Dispose();
            throw new NatsLinkException($"NATS did not go on with the log within {options.Timeout.TotalSeconds:0.#} s", sent: true, error);
        }
    }
}
