using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace Kine.Backends.Nats;

/// <summary>
/// The stream that holds the log. Errors: <see cref="JetStreamException"/> for the server's no, <see cref="ConnectionException"/> when the connection
/// failed.
/// </summary>
internal sealed class LogStream(NatsOptions options)
{
    public const int NotFound = 404;

    /// <summary>Asks whether JetStream is there at all.</summary>
    public Task AccountInfo(Connection connection, CancellationToken cancellationToken) =>
        connection.Ask((api, stop) => api.GetAccountInfoAsync(stop), cancellationToken);

    /// <summary>Configuration and state, from the stream's leader.</summary>
    public async Task<StreamInfo> Info(Connection connection, CancellationToken cancellationToken) =>
        (await connection.Ask((api, stop) => api.GetStreamAsync(options.Stream, cancellationToken: stop), cancellationToken).ConfigureAwait(false)).Info;

    /// <summary>First and last sequence, messages and bytes, from the stream's leader.</summary>
    public async Task<StreamState> State(Connection connection, CancellationToken cancellationToken) =>
        (await Info(connection, cancellationToken).ConfigureAwait(false)).State;

    /// <summary>Publishes messages of the log, all sent at once. Throws what the first refused one was answered, once all are answered.</summary>
    public async Task Publish(Connection connection, IReadOnlyList<(LogTail Tail, ByteWriter? Content, ReadOnlyMemory<byte> Payload)> messages)
    {
        var answers = new PubAckResponse?[messages.Count];
        await connection.RequestAll(
            [.. messages.Select(message => Outgoing(message.Tail, message.Content, message.Payload))],
            (int place, in ArrivedMessage answer) => answers[place] =
                NatsJSJsonSerializer<PubAckResponse>.Default.Deserialize(new ReadOnlySequence<byte>(answer.Data.ToArray())),
            CancellationToken.None).ConfigureAwait(false);
        for (var i = 0; i < answers.Length; i++)
        {
            var answer = answers[i] ?? throw JetStreamException.NoResponders();
            if (answer.Error is { } error)
                throw new JetStreamException(error);

            if (answer.Seq != messages[i].Tail.Sequence)
            {
                throw new StoreBrokenException(
                    $"NATS stored a message of the log at {answer.Seq} that was to be {messages[i].Tail.Sequence}: somebody else writes to the stream or changed its set-up");
            }
        }
    }

    /// <summary>Deletes one message; fine when it is gone already.</summary>
    public async Task Delete(Connection connection, ulong sequence, CancellationToken cancellationToken)
    {
        try
        {
            var request = new StreamMsgDeleteRequest { Seq = sequence, NoErase = true };
            await connection.Ask((api, stop) => api.DeleteMessageAsync(options.Stream, request, stop), cancellationToken).ConfigureAwait(false);
        }
        catch (JetStreamException)
        {
            // The server has several answers when somebody was here before.
            if (await Get(connection, sequence, cancellationToken).ConfigureAwait(false) is not null)
                throw;
        }
    }

    /// <summary>Deletes all messages below a sequence.</summary>
    public Task Purge(Connection connection, ulong below, CancellationToken cancellationToken) =>
        connection.Ask((api, stop) => api.PurgeStreamAsync(options.Stream, new StreamPurgeRequest { Seq = below }, stop), cancellationToken);

    /// <summary>The message with that sequence, or null.</summary>
    public async Task<LogMessage?> Get(Connection connection, ulong sequence, CancellationToken cancellationToken) =>
        (await GetAll(connection, [sequence], cancellationToken).ConfigureAwait(false))[0];

    /// <summary>The messages with those sequences, null where one is gone.</summary>
    public async Task<LogMessage?[]> GetAll(Connection connection, IReadOnlyList<ulong> sequences, CancellationToken cancellationToken)
    {
        var messages = new LogMessage?[sequences.Count];
        await GetAll(connection, sequences, (int place, in ArrivedMessage message) => messages[place] = LogMessage.Of(message), cancellationToken).ConfigureAwait(false);
        return messages;
    }

    /// <summary>
    /// Visits the messages with those sequences that there are, in any order, on the thread that reads the socket; one request each, all sent at once. A
    /// follower of the stream that lags may not have one yet, so the leader is asked in that case.
    /// </summary>
    public async Task GetAll(Connection connection, IReadOnlyList<ulong> sequences, Connection.Answered visit, CancellationToken cancellationToken)
    {
        var others = new ConcurrentQueue<int>();
        await connection.RequestAll(
            [.. sequences.Select(DirectGet)],
            (int place, in ArrivedMessage answer) =>
            {
                if (!answer.Tail.IsEmpty)
                    visit(place, answer);
                else if (answer.Status is NotFound or JetStreamException.NoResponder)
                    others.Enqueue(place);
                else
                    throw new JetStreamException(answer.Status, $"an answer of {answer.Data.Length} bytes makes no sense");
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var place in others)
        {
            if (await GetFromLeader(connection, new StreamMsgGetRequest { Seq = sequences[place] }, cancellationToken).ConfigureAwait(false) is { } stored)
                visit(place, Arrived(stored));
        }
    }

    /// <summary>The newest message that is still there, or null.</summary>
    public async Task<LogMessage?> GetLast(Connection connection, CancellationToken cancellationToken) =>
        await GetFromLeader(connection, new StreamMsgGetRequest { LastBySubj = options.Subject }, cancellationToken).ConfigureAwait(false) is { } stored
            ? LogMessage.Of(Arrived(stored))
            : null;

    /// <summary>An ephemeral consumer that hands out headers from a sequence on; returns its name and how many messages it has for now.</summary>
    public async Task<(string Name, ulong Messages)> CreateHeaderConsumer(Connection connection, ulong from, CancellationToken cancellationToken)
    {
        var configuration = new ConsumerConfig
        {
            DeliverPolicy = ConsumerConfigDeliverPolicy.ByStartSequence,
            OptStartSeq = from,
            AckPolicy = ConsumerConfigAckPolicy.None,
            HeadersOnly = true,
            MemStorage = true,
            NumReplicas = 1,
            MaxWaiting = 8,
            InactiveThreshold = TimeSpan.FromSeconds(30),
        };
        var made = await connection.Ask(
            (api, stop) => api.CreateOrUpdateConsumerAsync(options.Stream, configuration, stop), cancellationToken).ConfigureAwait(false);
        return (made.Info.Name, made.Info.NumPending);
    }

    /// <summary>Removes a consumer.</summary>
    public Task DeleteConsumer(Connection connection, string name, CancellationToken cancellationToken) =>
        connection.Ask((api, stop) => api.DeleteConsumerAsync(options.Stream, name, stop), cancellationToken);

    /// <summary>A request for the next messages of a consumer, which ends by itself when there are fewer.</summary>
    public OutgoingMessage Next(string consumer, int count) =>
        new($"{options.ApiPrefix}CONSUMER.MSG.NEXT.{options.Stream}.{consumer}", Encoding.UTF8.GetBytes($$"""{"batch":{{count}},"expires":2000000000}"""));

    private OutgoingMessage DirectGet(ulong sequence) =>
        new($"{options.ApiPrefix}DIRECT.GET.{options.Stream}", Encoding.UTF8.GetBytes($$"""{"seq":{{sequence}}}"""));

    private OutgoingMessage Outgoing(LogTail tail, ByteWriter? content, ReadOnlyMemory<byte> payload)
    {
        var headers = new NatsHeaders(3) { { "Nats-Expected-Last-Sequence", $"{tail.Sequence - 1}" }, { LogTail.Header, tail.ToHeader() } };
        if (content is not null)
            headers.Add(LogTail.ContentHeader, content.ToHeader());

        return new OutgoingMessage(options.Subject, payload, headers);
    }

    private Task<StoredMessage?> GetFromLeader(Connection connection, StreamMsgGetRequest request, CancellationToken cancellationToken) =>
        StreamRequests.GetFromLeader(connection, options, options.Stream, request, cancellationToken);

    private static ArrivedMessage Arrived(StoredMessage stored) => new(Convert.FromBase64String(stored.Hdrs ?? ""), stored.Data.Span);
}
