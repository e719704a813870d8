namespace Kine.Backends.Nats;

/// <summary>
/// Reads records and values. What the index names may be moved and deleted before it is fetched: then the index, once it has caught up, names another
/// place.
/// </summary>
internal sealed class LogReader(Connector connector, HeaderReader headers, LogReplica replica, MessageFetcher fetcher)
{
    private const int MessagesAtOnce = 1024;
    private const int FindTries = 8;
    private const int SmallScan = 256 << 10; // bytes; below it whole messages are fetched instead of making a consumer

    /// <summary>See <see cref="IRevisionStore.ReadValues"/>.</summary>
    public async Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        var values = new byte[]?[ids.Length];
        List<int> wanted = [.. Enumerable.Range(0, ids.Length)];
        for (var tries = 0; tries < FindTries; tries++)
        {
            // The holder's index is complete; elsewhere what is not found may have been written or moved a moment ago.
            var complete = replica.IsCurrent || tries > 0;
            (var unknown, var gone) = await fetcher.ReadValues(ids, values, wanted, cancellationToken).ConfigureAwait(false);
            if (gone.Count == 0 && (complete || unknown.Count == 0))
                return values;

            await CatchUpAnyway(cancellationToken).ConfigureAwait(false);
            wanted = [.. unknown, .. gone];
        }
        throw MessageFetcher.Moving();
    }

    /// <summary>See <see cref="IRevisionStore.ReadRecords"/>.</summary>
    public async Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        long bytes = 0;
        await replica.Refresh(cancellationToken).ConfigureAwait(false);
        var scan = new LogScan(
            after,
            toRevision,
            maxRecords,
            (LogMessage message, in StoredRecord record) =>
            {
                var whole = message.Record(record);
                records.Add(whole);
                bytes += whole.Key.Length + whole.Value.Length;
                return bytes < maxBytes;
            });
        for (var tries = 0; tries < FindTries && !scan.Full && scan.Left > 0;)
        {
            var entries = replica.State.Index.After(scan.Position, toRevision, scan.Left, MessagesAtOnce);
            if (entries.Count == 0)
                return records;

            var some = MessageFetcher.Waves(entries.Count, i => entries[i], maxBytes - bytes).First().End;
            var messages = await fetcher.Fetch([.. entries.Take(some)], cancellationToken).ConfigureAwait(false);
            for (var i = 0; i < some; i++)
            {
                if (messages[i] is not { } message)
                {
                    tries++;
                    await CatchUpAnyway(cancellationToken).ConfigureAwait(false);
                    break;
                }
                if (!scan.Visit(entries[i], message))
                    return records;

                tries = 0;
            }
        }
        return records.Count > 0 || maxRecords == 0 ? records : throw MessageFetcher.Moving();
    }

    /// <summary>See <see cref="IRevisionStore.ScanMetadata"/>.</summary>
    public async Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        await replica.Refresh(cancellationToken).ConfigureAwait(false);
        var scan = new LogScan(
            after,
            toRevision,
            maxRecords,
            (LogMessage message, in StoredRecord record) =>
            {
                visit(in record.Metadata, message.Key(record));
                return true;
            });
        for (var tries = 0; tries < FindTries && !scan.Over; tries++)
        {
            var entries = replica.State.Index.After(scan.Position, toRevision, maxRecords);
            if (entries.Count == 0)
                return null;

            var before = scan.Position;
            if (entries.Count < LogReplica.SingleGets || entries.Sum(entry => (long)entry.Bytes) < SmallScan)
                await ScanWhole(entries, scan, cancellationToken).ConfigureAwait(false);
            else
                await ScanHeaders(entries, scan, cancellationToken).ConfigureAwait(false);

            if (scan.Position != before)
                tries = 0;
            else if (!scan.Over)
                await CatchUpAnyway(cancellationToken).ConfigureAwait(false);
        }
        return scan.Over ? scan.Last : throw MessageFetcher.Moving();
    }

    // A holder that another one has replaced without its knowledge finds its messages moved too.
    private Task CatchUpAnyway(CancellationToken cancellationToken)
    {
        replica.IsBehind = true;
        return replica.Refresh(cancellationToken);
    }

    // False where a message is gone, or the scan is over.
    private async Task<bool> ScanWhole(List<MessageEntry> entries, LogScan scan, CancellationToken cancellationToken)
    {
        foreach ((var start, var end) in MessageFetcher.Waves(entries.Count, i => entries[i]))
        {
            var messages = await fetcher.Fetch([.. entries.Skip(start).Take(end - start)], cancellationToken).ConfigureAwait(false);
            for (var i = start; i < end; i++)
            {
                if (messages[i - start] is not { } message || !scan.Visit(entries[i], message))
                    return false;
            }
        }
        return true;
    }

    // Runs of messages that lie in the stream as their records do in the log; moved ones begin a new run.
    private async Task ScanHeaders(List<MessageEntry> entries, LogScan scan, CancellationToken cancellationToken)
    {
        for (var start = 0; start < entries.Count && !scan.Full;)
        {
            var end = start + 1;
            while (end < entries.Count && entries[end].Sequence > entries[end - 1].Sequence && entries[end].Sequence - entries[end - 1].Sequence < 256)
                end++;

            var run = entries.GetRange(start, end - start);
            var done = run.Count >= LogReplica.SingleGets
                && await connector.Repeat(connection => ScanRun(connection, run, scan, cancellationToken), cancellationToken).ConfigureAwait(false);
            if (!done && !await ScanWhole(run, scan, cancellationToken).ConfigureAwait(false))
                return;

            start = end;
        }
    }

    // False where a message was not there, or keeps keys in its payload.
    private async Task<bool> ScanRun(Connection connection, List<MessageEntry> run, LogScan scan, CancellationToken cancellationToken)
    {
        var next = run.FindIndex(entry => entry.Last.CompareTo(scan.Position) > 0);
        if (next < 0)
            return true;

        var complete = true;
        await headers.Read(
            connection,
            run[next].Sequence,
            run[^1].Sequence,
            message =>
            {
                if (message.Tail.Sequence < run[next].Sequence)
                    return true;

                if (message.Tail.Sequence > run[next].Sequence)
                    return complete = false;

                if (HasKeyInPayload(message))
                    return complete = false;

                return scan.Visit(run[next++], message) && next < run.Count;
            },
            cancellationToken).ConfigureAwait(false);
        return complete && (scan.Full || next == run.Count);
    }

    private static bool HasKeyInPayload(LogMessage message)
    {
        var reader = message.Records();
        while (reader.TryRead(out var record))
        {
            if (record.KeyInPayload > 0)
                return true;
        }
        return false;
    }
}
