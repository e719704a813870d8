using System.Buffers;

namespace Kine.Backends.Nats;

/// <summary>
/// Fetches messages with their payloads, many requests at a time. What counts for the speed of scattered reads is bytes copied and allocated: a message
/// of which little is wanted never becomes an object.
/// </summary>
internal sealed class MessageFetcher(Connector single, Connector bulk, LogStream stream, LogReplica replica)
{
    private const int ManyGets = 64; // from here on they go where no single one waits behind them
    private const int WaveMessages = 4096;
    private const long WaveBytes = 16 << 20;
    private const int LittleWanted = 8; // one record in so many

    /// <summary>Reads the values wanted into their places; returns those that are in no message known here, and those whose message is gone.</summary>
    public async Task<(List<int> Unknown, List<int> Gone)> ReadValues(
        ReadOnlyMemory<RecordId> ids, byte[]?[] values, List<int> wanted, CancellationToken cancellationToken)
    {
        var unknown = new List<int>();
        var found = new List<WantedValue>(wanted.Count);
        foreach (var i in wanted)
        {
            if (replica.State.Index.Find(ids.Span[i]) is { } place)
                found.Add(new WantedValue(place.Entry, place.Place, i));
            else
                unknown.Add(i);
        }

        // The server reads its files in blocks.
        found.Sort(static (one, other) => one.Entry.Sequence != other.Entry.Sequence
            ? one.Entry.Sequence.CompareTo(other.Entry.Sequence)
            : one.Place.CompareTo(other.Place));
        WantedValue[] sorted = [.. found];
        var whole = new List<Range>();
        var parts = new List<Range>();
        var state = replica.State;
        var small = state.Index.LiveBytes <= MessageCache.Limit;
        for (var start = 0; start < sorted.Length;)
        {
            var end = start + 1;
            while (end < sorted.Length && sorted[end].Entry.Sequence == sorted[start].Entry.Sequence)
                end++;

            var entry = sorted[start].Entry;
            var keep = small || entry.Chunks > 0 || (end - start) * LittleWanted >= entry.Live || state.Cache.Contains(entry.Sequence);
            (keep ? whole : parts).Add(start..end);
            start = end;
        }
        var gone = new List<int>();
        await TakeFromWhole(sorted, whole, values, gone, cancellationToken).ConfigureAwait(false);
        await TakeFromParts(sorted, parts, values, gone, cancellationToken).ConfigureAwait(false);
        return (unknown, gone);
    }

    private async Task TakeFromWhole(WantedValue[] wanted, List<Range> ranges, byte[]?[] values, List<int> gone, CancellationToken cancellationToken)
    {
        var messages = await Fetch([.. ranges.Select(range => wanted[range.Start].Entry)], cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < messages.Length; i++)
        {
            if (messages[i] is { } message)
                message.Take(wanted.AsSpan(ranges[i]), values);
            else
                gone.AddRange(wanted[ranges[i]].Select(value => value.Index));
        }
    }

    private async Task TakeFromParts(WantedValue[] wanted, List<Range> ranges, byte[]?[] values, List<int> gone, CancellationToken cancellationToken)
    {
        var there = new bool[ranges.Count];
        foreach ((var start, var end) in Waves(ranges.Count, i => wanted[ranges[i].Start].Entry))
        {
            var sequences = new List<ulong>(end - start);
            for (var i = start; i < end; i++)
                sequences.Add(wanted[ranges[i].Start].Entry.Sequence);

            await GetAll(
                sequences,
                (int place, in ArrivedMessage message) =>
                {
                    var moved = LogTail.Parse(message.Tail).Kind == MessageKind.Moved;
                    var decoded = ArrayPool<byte>.Shared.Rent(message.Content.Length);
                    WantedValue.Take(
                        wanted.AsSpan(ranges[start + place]), ByteReader.FromHeader(message.Content, decoded), message.Data, moved, values);
                    ArrayPool<byte>.Shared.Return(decoded);
                    there[start + place] = true;
                },
                cancellationToken).ConfigureAwait(false);
        }
        for (var i = 0; i < there.Length; i++)
        {
            if (!there[i])
                gone.AddRange(wanted[ranges[i]].Select(value => value.Index));
        }
    }

    /// <summary>Messages with their payloads, null where one is gone.</summary>
    public async Task<LogMessage?[]> Fetch(MessageEntry[] entries, CancellationToken cancellationToken)
    {
        var cache = replica.State.Cache;
        var messages = new LogMessage?[entries.Length];
        var missing = new List<int>();
        for (var i = 0; i < messages.Length; i++)
        {
            messages[i] = cache.Get(entries[i].Sequence);
            if (messages[i] is null)
                missing.Add(i);
        }
        foreach ((var start, var end) in Waves(missing.Count, i => entries[missing[i]]))
        {
            var wave = missing.GetRange(start, end - start);
            await FetchWave(entries, wave, messages, cache, cancellationToken).ConfigureAwait(false);
        }
        return messages;
    }

    private async Task FetchWave(
        MessageEntry[] entries, List<int> wave, LogMessage?[] messages, MessageCache cache, CancellationToken cancellationToken)
    {
        var sequences = new List<ulong>(wave.Count);
        foreach (var i in wave)
        {
            for (var sequence = entries[i].Sequence - entries[i].Chunks; sequence <= entries[i].Sequence; sequence++)
                sequences.Add(sequence);
        }
        var replies = new LogMessage?[sequences.Count];
        await GetAll(
            sequences, (int place, in ArrivedMessage message) => replies[place] = LogMessage.Of(message), cancellationToken).ConfigureAwait(false);
        var next = 0;
        foreach (var i in wave)
        {
            var count = entries[i].Chunks + 1;
            messages[i] = Join(replies.AsSpan(next, count));
            next += count;
            if (messages[i] is { } message)
                cache.Add(entries[i].Sequence, message);
        }
    }

    private Task GetAll(List<ulong> sequences, Connection.Answered visit, CancellationToken cancellationToken) =>
        (sequences.Count < ManyGets ? single : bulk).Repeat(connection => stream.GetAll(connection, sequences, visit, cancellationToken), cancellationToken);

    private static LogMessage? Join(ReadOnlySpan<LogMessage?> replies)
    {
        if (replies.Contains(null))
            return null;

        var last = replies[^1]!;
        var payload = replies.Length == 1 ? last.Data : [.. replies.ToArray().SelectMany(piece => piece!.Data)];
        return last with { Data = payload };
    }

    /// <summary>Cuts messages into what is fetched at once; each holds at least one.</summary>
    public static IEnumerable<(int Start, int End)> Waves(int count, Func<int, MessageEntry> entry, long maxBytes = WaveBytes)
    {
        maxBytes = Math.Min(maxBytes, WaveBytes);
        for (var start = 0; start < count;)
        {
            var end = start;
            long bytes = 0;
            do
            {
                bytes += entry(end++).Bytes;
            }
            while (end < count && end - start < WaveMessages && bytes < maxBytes);
            yield return (start, end);
            start = end;
        }
    }

    /// <summary>What is thrown when messages are still gone after some tries.</summary>
    public static StoreUnavailableException Moving() => new("messages of the log are not where they should be; they are moved faster than they can be read, or gone");
}
