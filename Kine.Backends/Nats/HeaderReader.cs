using System.Threading.Channels;

namespace Kine.Backends.Nats;

/// <summary>Streams the headers of messages in the order of their sequences, without payloads, through a short-lived consumer.</summary>
internal sealed class HeaderReader(NatsOptions options, JetStreamApi api)
{
    private const int BatchMessages = 512;

    /// <summary>Hands out each message present from one sequence to another, both included. <paramref name="visit"/> returns false to stop early.</summary>
    public async Task Read(NatsLink link, ulong from, ulong to, Func<NatsReply, LogTail, bool> visit, CancellationToken cancellationToken)
    {
        string consumer = await api.CreateHeaderConsumer(link, from).ConfigureAwait(false);
        try
        {
            bool more = true;
            while (more)
                more = await ReadBatch(link, consumer, to, visit, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (link.IsAlive)
                await api.DeleteConsumer(link, consumer).ConfigureAwait(false);
        }
    }

    private async Task<bool> ReadBatch(
        NatsLink link, string consumer, ulong to, Func<NatsReply, LogTail, bool> visit, CancellationToken cancellationToken)
    {
        var arrived = Channel.CreateUnbounded<NatsReply?>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = false });
        long token = link.Expect(reply => arrived.Writer.TryWrite(reply));
        try
        {
            link.Send(api.Next(consumer, BatchMessages), token);
            for (int count = 0; count < BatchMessages; count++)
            {
                NatsReply reply = await Take(arrived.Reader, link, cancellationToken).ConfigureAwait(false);
                if (reply.Tail.Length == 0)
                {
                    // 404 and 408 end the batch early; an empty one means that there is nothing more.
                    return reply.Status is NatsReply.NotFound or NatsReply.RequestExpired
                        ? count > 0
                        : throw new NatsLinkException($"a consumer of the log ended with status {reply.Status}", sent: false);
                }
                LogTail tail = LogTail.Parse(reply.Tail);
                if (tail.Sequence > to || !visit(reply, tail) || tail.Sequence == to)
                    return false;
            }
            return true;
        }
        finally
        {
            link.Forget(token);
        }
    }

    private async Task<NatsReply> Take(ChannelReader<NatsReply?> arrived, NatsLink link, CancellationToken cancellationToken)
    {
        if (arrived.TryRead(out NatsReply? ready))
            return ready ?? throw new NatsLinkException("the connection to NATS was lost", sent: true);
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
