using System.Threading.Channels;

namespace Kine.Backends.Nats;

/// <summary>Streams the headers of messages in the order of their sequences, without payloads, through a short-lived consumer.</summary>
internal sealed class HeaderReader(NatsOptions options, LogStream stream)
{
    private const int BatchMessages = 512;
    private const int RequestExpired = 408; // fewer messages than asked for

    /// <summary>Hands out each message present from one sequence to another, both included. <paramref name="visit"/> returns false to stop early.</summary>
    public async Task Read(Connection connection, ulong from, ulong to, Func<LogMessage, bool> visit, CancellationToken cancellationToken)
    {
        (var consumer, var messages) = await stream.CreateHeaderConsumer(connection, from, cancellationToken).ConfigureAwait(false);
        messages = Math.Min(messages, to < from ? 0 : to - from + 1);

        // Messages keep the subject they were stored with, so that each such stream needs a subscription that tells them apart.
        var arrived = Channel.CreateUnbounded<(LogMessage? Message, int Status)>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var inbox = await connection.Listen(
            connection.NewInbox(),
            (string _, in ArrivedMessage message) =>
            {
                try
                {
                    arrived.Writer.TryWrite((message.Tail.IsEmpty ? null : LogMessage.Of(message), message.Status));
                }
                catch (StoreBrokenException error)
                {
                    arrived.Writer.TryComplete(error);
                }
            }).ConfigureAwait(false);
        try
        {
            // Asking for more than there are would wait for ones to come.
            for (var more = true; more && messages > 0;)
            {
                var count = (int)Math.Min(messages, BatchMessages);
                messages -= (ulong)count;
                await connection.Send(stream.Next(consumer, count), inbox.Subject).ConfigureAwait(false);
                more = await ReadBatch(connection, arrived.Reader, count, to, visit, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            await connection.Unlisten(inbox).ConfigureAwait(false);

            // The server forgets one that is not removed a while later.
            if (connection.IsAlive && !cancellationToken.IsCancellationRequested)
                await stream.DeleteConsumer(connection, consumer, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<bool> ReadBatch(
        Connection connection,
        ChannelReader<(LogMessage? Message, int Status)> arrived,
        int messages,
        ulong to,
        Func<LogMessage, bool> visit,
        CancellationToken cancellationToken)
    {
        for (var count = 0; count < messages; count++)
        {
            (var message, var status) = await Take(connection, arrived, cancellationToken).ConfigureAwait(false);
            if (message is null)
            {
                // Some were deleted meanwhile.
                return status is LogStream.NotFound or RequestExpired
                    ? count > 0
                    : throw new ConnectionException($"a consumer of the log ended with status {status}", sent: false);
            }
            if (message.Tail.Sequence > to || !visit(message) || message.Tail.Sequence == to)
                return false;
        }
        return true;
    }

    private async ValueTask<(LogMessage? Message, int Status)> Take(
        Connection connection, ChannelReader<(LogMessage? Message, int Status)> arrived, CancellationToken cancellationToken)
    {
        if (arrived.TryRead(out var ready))
            return ready;

        try
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(connection.Lost, cancellationToken);
            stop.CancelAfter(options.Timeout);
            return await arrived.ReadAsync(stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException error) when (!cancellationToken.IsCancellationRequested)
        {
            connection.Close();
            throw new ConnectionException($"the connection to NATS was lost, or did not go on with the log within {options.Timeout.TotalSeconds:0.#} s", sent: true, error);
        }
    }
}
