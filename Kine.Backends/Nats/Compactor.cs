namespace Kine.Backends.Nats;

/// <summary>
/// Deletes records, moves the living out of mostly dead messages, makes checkpoints, and deletes what no checkpoint needs. One of these at a time; appends
/// go on between their messages.
/// </summary>
internal sealed class Compactor(
    Connector connector, LogStream stream, HeaderReader headers, LogReplica replica, MessageFetcher fetcher, LogWriter writer, SpaceReserve reserve)
{
    private const long SmallGarbage = 4 << 20; // bytes for which no checkpoint is made
    private const long ManyMessages = 10_000;
    private const long ManyStrays = 256;
    private const long SmallWhenFull = 64 << 10;
    private const int ManyWhenFull = 1000;
    private const long MovedWhenFull = 512 << 10; // at once: the copies take room before the messages go that they were in
    private const int RoundsWhenFull = 8;
    private const int IdleKept = 512; // a few minutes of an idle holder's renewals, 80 KB
    private const int DeletesUnderWay = 16;
    private const ulong PurgedAtOnce = 1024;
    private readonly SemaphoreSlim _maintenance = new(1);

    /// <summary>Rises when messages were deleted that took space.</summary>
    public long Collected { get; private set; }

    /// <summary>True while this process holds the log, as far as it knows.</summary>
    public bool Holds => replica.Held is { } token && replica.IsHolder(token);

    private LogState State => replica.State;

    /// <summary>See <see cref="IRevisionStore.Delete"/>. Gives space back now and then, at once where there is none.</summary>
    public async Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        using var turn = await Turn.In(_maintenance, cancellationToken).ConfigureAwait(false);
        var token = HeldToken();
        await Bury(token, ids).ConfigureAwait(false);
        if (reserve.IsFull)
        {
            await MakeRoom(token, cancellationToken).ConfigureAwait(false);
            return;
        }

        var index = State.Index;
        if (index.DeadBytes > Math.Max(SmallGarbage, index.LiveBytes / 2))
            await MoveSparse(token, long.MaxValue, cancellationToken).ConfigureAwait(false);

        if (State.GarbageBytes > Math.Max(SmallGarbage, index.LiveBytes / 4)
            || State.SinceCheckpoint > Math.Max(ManyMessages, index.Messages / 2))
        {
            await Tidy(token, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Moves, makes a checkpoint and deletes all that can go.</summary>
    public async Task Defragment(CancellationToken cancellationToken)
    {
        using var turn = await Turn.In(_maintenance, cancellationToken).ConfigureAwait(false);
        var token = HeldToken();
        await MoveSparse(token, long.MaxValue, cancellationToken).ConfigureAwait(false);
        await Tidy(token, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// For a stream without space: first deletes what can go without a word in the log, then what needs one, little by little and only where that frees more than
    /// it takes.
    /// </summary>
    public async Task MakeRoom(CancellationToken cancellationToken)
    {
        using var turn = await Turn.In(_maintenance, cancellationToken).ConfigureAwait(false);
        await MakeRoom(HeldToken(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Deletes what counts for nothing, whoever holds the log and whether or not there is space.</summary>
    public async Task DropUnneeded(CancellationToken cancellationToken)
    {
        using var turn = await Turn.In(_maintenance, cancellationToken).ConfigureAwait(false);
        List<ulong> unneeded;
        using (await replica.TakeTurn(cancellationToken).ConfigureAwait(false))
        {
            unneeded = State.TakeCovered();
        }

        await DeleteMessages(unneeded, cancellationToken).ConfigureAwait(false);
    }

    private async Task MakeRoom(FenceToken token, CancellationToken cancellationToken)
    {
        await Collect(token, static state => state.TakeCovered(), cancellationToken).ConfigureAwait(false);
        for (var rounds = 0; rounds < RoundsWhenFull; rounds++)
        {
            if (State.GarbageBytes > Math.Max(SmallWhenFull, Checkpoint.Estimate(State.Index)) || State.Garbage.Count > ManyWhenFull)
                await Tidy(token, cancellationToken).ConfigureAwait(false);
            else if (State.Index.DeadBytes <= SmallWhenFull || !await MoveSparse(token, MovedWhenFull, cancellationToken).ConfigureAwait(false))
                return;
        }
    }

    private FenceToken HeldToken() => replica.Held ?? throw new FencedException("this process does not hold the log");

    private async Task Bury(FenceToken token, ReadOnlyMemory<RecordId> ids)
    {
        var sorted = ids.ToArray();
        Array.Sort(sorted);

        // In log order, several messages if need be: whatever is cut off, a tombstone never goes before what it ended.
        for (var start = 0; start < sorted.Length;)
        {
            var from = start;
            await writer.Write(
                token,
                async () =>
                {
                    var deletion = new DeletionWriter(State.Index);
                    for (start = from; start < sorted.Length && deletion.TryAdd(sorted[start]);)
                        start++;

                    if (deletion.Finish() is { } content)
                        await writer.Publish(MessageKind.Deletion, content).ConfigureAwait(false);
                }).ConfigureAwait(false);
        }
    }

    // False when nothing was worth it.
    private async Task<bool> MoveSparse(FenceToken token, long maxBytes, CancellationToken cancellationToken)
    {
        var group = new List<MessageEntry>();
        long all = 0;
        var bytes = 0;
        var count = 0;
        foreach (var entry in State.Index.Snapshot())
        {
            var sparse = entry.DeadCount * 2 >= entry.Count && entry.Chunks == 0;
            if (group.Count > 0 && (!sparse || bytes + entry.LiveBytes > AppendPart.WholePayload || count + entry.Live > AppendPart.FullCount / 4))
            {
                await Move(token, group, cancellationToken).ConfigureAwait(false);
                group.Clear();
                (bytes, count) = (0, 0);
            }
            if (!sparse)
                continue;

            if (all > maxBytes)
                break;

            group.Add(entry);
            bytes += (int)entry.LiveBytes;
            all += entry.LiveBytes;
            count += entry.Live;
        }
        if (group.Count > 0)
            await Move(token, group, cancellationToken).ConfigureAwait(false);

        return all > 0;
    }

    private async Task Move(FenceToken token, List<MessageEntry> sources, CancellationToken cancellationToken)
    {
        var messages = await fetcher.Fetch([.. sources], cancellationToken).ConfigureAwait(false);
        var records = new RecordWriter();
        var moved = 0;
        for (; moved < sources.Count; moved++)
        {
            var message = messages[moved] ?? throw MessageFetcher.Moving();
            if (moved > 0 && records.ContentLength + message.Content.Length > AppendPart.MaxContent - AppendPart.MoveRoom)
                break;

            var reader = message.Records();
            for (var place = 0; reader.TryRead(out var record); place++)
            {
                if (!sources[moved].IsDead(place))
                    records.Add(message.Record(record));
            }
        }
        var content = new ByteWriter();
        WriteId(content, sources[0].First);
        WriteId(content, sources[moved - 1].First);
        records.WriteTo(content, 0);
        await writer.Write(token, () => writer.Publish(MessageKind.Moved, content, records.Payload)).ConfigureAwait(false);
        if (moved < sources.Count)
            await Move(token, sources.GetRange(moved, sources.Count - moved), cancellationToken).ConfigureAwait(false);
    }

    private async Task Tidy(FenceToken token, CancellationToken cancellationToken)
    {
        if (State.SinceCheckpoint > 0)
            await MakeCheckpoint(token).ConfigureAwait(false);

        await Collect(token, static state => state.TakeGarbage(), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Makes a checkpoint. Appends go on between its pieces; they come after what it covers.</summary>
    public async Task MakeCheckpoint(FenceToken token)
    {
        (var entries, var side, var covered) = await writer
            .Look(token, () => (State.Index.Snapshot(), State.Side.All(), State.Tail.Sequence)).ConfigureAwait(false);
        var bytes = Checkpoint.Encode(entries, side);
        var most = await connector.Repeat(static connection => Task.FromResult(connection.MaxPayload), CancellationToken.None).ConfigureAwait(false);
        var pieceLength = AppendPart.MaxPayload(most);
        var content = new ByteWriter();
        content.Varint(covered);
        var pieces = new List<ulong>();
        try
        {
            for (var start = 0; start < bytes.Length; start += pieceLength)
            {
                var piece = bytes[start..Math.Min(start + pieceLength, bytes.Length)];
                await writer.Write(
                    token,
                    async () =>
                    {
                        await writer.Publish(MessageKind.CheckpointPiece, null, piece).ConfigureAwait(false);
                        pieces.Add(State.Tail.Sequence);
                        content.Varint(State.Tail.Sequence - covered);
                    }).ConfigureAwait(false);
            }
            await writer.Write(token, () => writer.Publish(MessageKind.Checkpoint, content)).ConfigureAwait(false);
        }
        catch (StoreFullException)
        {
            // Without the last message they count for nothing.
            await DeleteMessages(pieces, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private async Task Collect(FenceToken token, Func<LogState, List<ulong>> take, CancellationToken cancellationToken)
    {
        (var garbage, var lowest) = await writer.Look(token, () => (take(State), State.LowestNeeded())).ConfigureAwait(false);
        var found = await connector.Repeat(connection => stream.State(connection, cancellationToken), cancellationToken).ConfigureAwait(false);
        await PurgeBelow(found.FirstSeq, lowest, cancellationToken).ConfigureAwait(false);
        garbage.RemoveAll(sequence => sequence < lowest);
        await DeleteMessages(garbage, cancellationToken).ConfigureAwait(false);
        found = await connector.Repeat(connection => stream.State(connection, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (found.Messages > State.Needed + State.Loose + ManyStrays)
            await DeleteStrays(token, cancellationToken).ConfigureAwait(false);
    }

    // The server takes no appends during a purge: many short ones let them through.
    private async Task PurgeBelow(ulong first, ulong lowest, CancellationToken cancellationToken)
    {
        while (first < lowest)
        {
            var below = Math.Min(lowest, first + Math.Max(PurgedAtOnce, (lowest - first) / 64));
            await connector.Repeat(connection => stream.Purge(connection, below, cancellationToken), cancellationToken).ConfigureAwait(false);
            first = below;
            Collected++;
        }
    }

    // What a former holder had no time to delete, or a server that was killed forgot to have deleted.
    private async Task DeleteStrays(FenceToken token, CancellationToken cancellationToken)
    {
        (var needed, var covered) = await writer.Look(token, () => (State.NeededSequences(), State.Covered)).ConfigureAwait(false);
        var strays = new List<ulong>();
        await connector.Repeat(
            async connection =>
            {
                strays.Clear();
                await headers.Read(
                    connection,
                    1,
                    covered,
                    message =>
                    {
                        if (!needed.Contains(message.Tail.Sequence))
                            strays.Add(message.Tail.Sequence);

                        return true;
                    },
                    cancellationToken).ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        await DeleteMessages(strays, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A server keeps one message per renewal otherwise. They say nothing, so no checkpoint is needed first.</summary>
    public async Task DropIdle()
    {
        if (State.Idle.Count < IdleKept)
            return;

        List<ulong> old;
        using (await replica.TakeTurn().ConfigureAwait(false))
        {
            old = [.. State.Idle];
            State.Idle.Clear();
        }
        try
        {
            await DeleteMessages(old, CancellationToken.None).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            // The renewal itself has landed; these are tried again with the next ones.
            using var turn = await replica.TakeTurn().ConfigureAwait(false);
            State.Idle.AddRange(old);
        }
    }

    private async Task DeleteMessages(List<ulong> sequences, CancellationToken cancellationToken)
    {
        foreach (var some in sequences.Chunk(DeletesUnderWay))
        {
            await Task.WhenAll(some.Select(
                sequence => connector.Repeat(connection => stream.Delete(connection, sequence, cancellationToken), cancellationToken))).ConfigureAwait(false);
            Collected++;
        }
    }

    private static void WriteId(ByteWriter writer, RecordId id)
    {
        writer.Signed(id.Revision);
        writer.Varint((ulong)id.Sub);
    }
}
