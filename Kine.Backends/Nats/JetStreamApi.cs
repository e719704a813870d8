using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Kine.Backends.Nats;

/// <summary>
/// Requests to JetStream, which are JSON on <c>$JS.API.*</c>. Errors: <see cref="JetStreamException"/> for the server's no,
/// <see cref="NatsLinkException"/> when the connection failed.
/// </summary>
internal sealed class JetStreamApi(NatsOptions options)
{
    private static readonly byte[] Nothing = [];

    /// <summary>Asks whether JetStream is there at all.</summary>
    public Task<JsonObject> AccountInfo(NatsLink link) => Ask(link, "INFO", Nothing);

    /// <summary>Configuration and state of the stream, from its leader.</summary>
    public Task<JsonObject> StreamInfo(NatsLink link) => Ask(link, $"STREAM.INFO.{options.Stream}", Nothing);

    /// <summary>First and last sequence, messages and bytes of the stream, from its leader.</summary>
    public async Task<StreamState> State(NatsLink link) => StreamState.Of(await StreamInfo(link).ConfigureAwait(false));

    /// <summary>Makes the stream, or finds it there with the very same configuration.</summary>
    public Task<JsonObject> CreateStream(NatsLink link, JsonObject configuration) =>
        Ask(link, $"STREAM.CREATE.{options.Stream}", JsonSerializer.SerializeToUtf8Bytes(configuration));

    /// <summary>Publishes a message of the log; returns its sequence.</summary>
    public async Task<ulong> Publish(NatsLink link, OutgoingMessage message, TimeSpan timeout)
    {
        var reply = await link.Request(message, timeout).ConfigureAwait(false);
        return Answer(reply)["seq"]!.GetValue<ulong>();
    }

    /// <summary>
    /// Publishes messages of the log, all sent at once; returns their sequences. Throws what the first refused one was answered, once all are answered.
    /// </summary>
    public async Task<ulong[]> PublishAll(NatsLink link, IReadOnlyList<OutgoingMessage> messages, TimeSpan timeout)
    {
        var replies = new NatsReply[messages.Count];
        await link.RequestAll(messages, (place, answer) => replies[place] = answer.Copy(), timeout).ConfigureAwait(false);
        return [.. replies.Select(reply => Answer(reply)["seq"]!.GetValue<ulong>())];
    }

    /// <summary>Deletes one message; fine when it is gone already.</summary>
    public async Task DeleteMessage(NatsLink link, ulong sequence)
    {
        try
        {
            await Ask(link, $"STREAM.MSG.DELETE.{options.Stream}", Json($$"""{"seq":{{sequence}},"no_erase":true}""")).ConfigureAwait(false);
        }
        catch (JetStreamException gone) when (gone.Code == JetStreamException.NoMessageFound || gone.Message.Contains("no message found", StringComparison.Ordinal))
        {
            // Somebody was here before.
        }
    }

    /// <summary>Deletes all messages below a sequence.</summary>
    public Task Purge(NatsLink link, ulong below) => Ask(link, $"STREAM.PURGE.{options.Stream}", Json($$"""{"seq":{{below}}}"""));

    /// <summary>The message with that sequence, or null. A follower that lags may not have it yet, so its leader is asked in that case.</summary>
    public async Task<NatsReply?> Get(NatsLink link, ulong sequence) =>
        await Got(link, sequence, await link.Request(DirectGet(sequence), options.Timeout).ConfigureAwait(false)).ConfigureAwait(false);

    /// <summary>Visits the messages with those sequences that there are; one request each, all sent at once.</summary>
    public async Task GetAll(NatsLink link, IReadOnlyList<ulong> sequences, MessageVisitor visit)
    {
        var others = new ConcurrentQueue<(int Place, NatsReply Reply)>();
        await link.RequestAll(
            [.. sequences.Select(DirectGet)],
            (place, answer) =>
            {
                var tail = answer.Tail;
                if (tail.IsEmpty)
                {
                    others.Enqueue((place, answer.Copy()));
                }
                else
                {
                    visit(place, tail, answer.Content, answer.Data);
                }
            },
            options.Timeout).ConfigureAwait(false);
        foreach ((var place, var reply) in others)
        {
            if (await Got(link, sequences[place], reply).ConfigureAwait(false) is { } message)
            {
                visit(place, message.Tail, message.Content, message.Data);
            }
        }
    }

    /// <summary>The newest message that is still there, or null.</summary>
    public Task<NatsReply?> GetLast(NatsLink link) => GetFromLeader(link, Json($$"""{"last_by_subj":"{{options.Subject}}"}"""));

    /// <summary>An ephemeral consumer that hands out headers from a sequence on; returns its name and how many messages it has for now.</summary>
    public async Task<(string Name, long Messages)> CreateHeaderConsumer(NatsLink link, ulong from)
    {
        var configuration = $$$"""
            {"stream_name":"{{{options.Stream}}}","config":{"deliver_policy":"by_start_sequence","opt_start_seq":{{{from}}},"ack_policy":"none",
            "replay_policy":"instant","headers_only":true,"mem_storage":true,"num_replicas":1,"max_waiting":8,"inactive_threshold":30000000000}}
            """;
        var made = await Ask(link, $"CONSUMER.CREATE.{options.Stream}", Json(configuration)).ConfigureAwait(false);
        return (made["name"]!.GetValue<string>(), made["num_pending"]!.GetValue<long>());
    }

    /// <summary>Removes a consumer.</summary>
    public Task DeleteConsumer(NatsLink link, string name) => Ask(link, $"CONSUMER.DELETE.{options.Stream}.{name}", Nothing);

    /// <summary>A request for the next messages of a consumer, which ends by itself when there are fewer.</summary>
    public OutgoingMessage Next(string consumer, long count) =>
        new($"{options.ApiPrefix}CONSUMER.MSG.NEXT.{options.Stream}.{consumer}", Json($$"""{"batch":{{count}},"expires":2000000000}"""));

    private OutgoingMessage DirectGet(ulong sequence) => new($"{options.ApiPrefix}DIRECT.GET.{options.Stream}", Json($$"""{"seq":{{sequence}}}"""));

    private async ValueTask<NatsReply?> Got(NatsLink link, ulong sequence, NatsReply reply)
    {
        if (reply.Tail.Length > 0)
        {
            return reply;
        }

        if (reply.Status is NatsReply.NotFound or NatsReply.NoResponders)
        {
            return await GetFromLeader(link, Json($$"""{"seq":{{sequence}}}""")).ConfigureAwait(false);
        }

        throw Unexpected(reply);
    }

    private async Task<NatsReply?> GetFromLeader(NatsLink link, byte[] request)
    {
        try
        {
            var answer = await Ask(link, $"STREAM.MSG.GET.{options.Stream}", request).ConfigureAwait(false);
            var message = answer["message"]!;
            var headers = Encoding.UTF8.GetString(Convert.FromBase64String(message["hdrs"]?.GetValue<string>() ?? ""));
            var data = Convert.FromBase64String(message["data"]?.GetValue<string>() ?? "");
            return new NatsReply(data, 0, HeaderOf(headers, LogTail.Header), HeaderOf(headers, LogTail.ContentHeader));
        }
        catch (JetStreamException gone) when (gone.Code == JetStreamException.NoMessageFound)
        {
            return null;
        }
    }

    private static byte[] HeaderOf(string headers, string name)
    {
        foreach (var line in headers.Split("\r\n"))
        {
            if (line.StartsWith(name, StringComparison.Ordinal) && line.Length > name.Length && line[name.Length] == ':')
            {
                return Encoding.ASCII.GetBytes(line[(name.Length + 1)..].Trim());
            }
        }
        return [];
    }

    private async Task<JsonObject> Ask(NatsLink link, string what, ReadOnlyMemory<byte> request)
    {
        var reply = await link.Request(new OutgoingMessage(options.ApiPrefix + what, request), options.Timeout).ConfigureAwait(false);
        return Answer(reply);
    }

    private static JsonObject Answer(NatsReply reply)
    {
        if (reply.Status == NatsReply.NoResponders)
        {
            throw new JetStreamException(reply.Status, "no JetStream answers: it is not enabled, has no leader now, or the stream is gone");
        }

        if (reply.Data.Length == 0 || JsonNode.Parse(reply.Data) is not JsonObject answer)
        {
            throw Unexpected(reply);
        }

        if (answer["error"] is not JsonObject error)
        {
            return answer;
        }

        var code = error["err_code"]?.GetValue<int>() ?? error["code"]?.GetValue<int>() ?? 0;
        throw new JetStreamException(code, error["description"]?.GetValue<string>() ?? "unknown error");
    }

    private static JetStreamException Unexpected(NatsReply reply) =>
        new(reply.Status, string.Create(CultureInfo.InvariantCulture, $"an answer of {reply.Data.Length} bytes with status {reply.Status} makes no sense"));

    private static byte[] Json(string text) => Encoding.UTF8.GetBytes(text);
}
