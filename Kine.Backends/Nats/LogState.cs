namespace Kine.Backends.Nats;

/// <summary>
/// What the messages of the log amount to, one after the other; the same code for what was just written and for what is read back.
/// <code>
/// 1 F  epoch 1, holder x                     -> fence
/// 2 A  records 2..65, side cluster_id        -> index: [2..65 at 2]
/// 3 P  records (66,0)..(66,400)              -> waits for its last part
/// 4 A  part 1: records (66,401)..(66,700)    -> index: [2..65 at 2] [(66,0).. at 3] [(66,401).. at 4]
/// 5 P  records (67,0)..                      -> waits; whoever wrote it died
/// 6 F  epoch 2, holder y                     -> 5 counts for nothing
/// 7 D  of 2: all but 9 and 40                -> index: [9, 40 at 2] ...
/// 8 M  2: records 9, 40                      -> index: [9, 40 at 8] ...; 2 can go once a checkpoint covers 7 and 8
/// 9 K, 10 Z covers 8: index and side         -> 1, 2, 5, 7 are garbage, whatever the server forgets of their deletion
/// </code>
/// One owner at a time changes it; the index and side rows may be read meanwhile.
/// </summary>
internal sealed class LogState
{
    private readonly List<(ulong Sequence, MessageEntry? Entry, List<SideRow> Side)> _pending = [];
    private readonly List<ulong> _loosePieces = [];
    private List<ulong> _checkpointPieces = [];

    public MessageIndex Index { get; } = new();

    public SideRows Side { get; } = new();

    /// <summary>Messages fetched lately. Under another state their sequences may name others.</summary>
    public MessageCache Cache { get; } = new();

    /// <summary>The last message applied, unfinished parts included.</summary>
    public LogTail Tail { get; private set; } = LogTail.Empty;

    public FenceContent Fence { get; set; } = FenceContent.None;

    /// <summary>Everything up to this sequence is in the last checkpoint.</summary>
    public ulong Covered { get; private set; }

    /// <summary>The last message that deletes records, or that covers such ones.</summary>
    public ulong LastDeletion { get; private set; }

    /// <summary>Messages that count no more; those up to <see cref="Covered"/> may be deleted.</summary>
    public List<ulong> Garbage { get; } = [];

    /// <summary>Messages that never said anything and may go at once: renewals that are not the last message, parts whose append did not follow.</summary>
    public List<ulong> Idle { get; } = [];

    /// <summary>Messages applied since the last checkpoint, renewals aside.</summary>
    public long SinceCheckpoint { get; private set; }

    /// <summary>Bytes of records in messages that count no more and were not taken yet.</summary>
    public long GarbageBytes { get; private set; }

    /// <summary>Messages that must be in the stream: live data, checkpoint, fence.</summary>
    public long Needed => Index.Messages + _checkpointPieces.Count + 2;

    /// <summary>Messages that may be in the stream beside those.</summary>
    public long Loose => Garbage.Count + Idle.Count + _pending.Count + _loosePieces.Count + 1;

    /// <summary>The fence row that this amounts to.</summary>
    public Fence ToFence() => FenceRow.Of(Tail, Fence);

    /// <summary>Begins with what a checkpoint holds.</summary>
    public void Begin(LogTail checkpoint, ulong covered, FenceContent fence)
    {
        // Its pieces and last message come after what it covers and are applied as they are met.
        Tail = checkpoint with { Sequence = covered, Checkpoint = 0 };
        Fence = fence;
        Covered = LastDeletion = covered;
    }

    /// <summary>The stream's last sequence where the messages up to it are gone or count for nothing.</summary>
    public void Skip(ulong last) => Tail = Tail with { Sequence = last };

    /// <summary>Applies the next message.</summary>
    public void Apply(LogTail tail, ReadOnlySpan<byte> content)
    {
        if (tail.Sequence <= Tail.Sequence)
            throw new StoreBrokenException($"message {tail.Sequence} of the log comes after {Tail.Sequence}");

        if (Tail.Kind == MessageKind.Renewal)
            Idle.Add(Tail.Sequence);

        if (tail.Kind is not MessageKind.Part and not MessageKind.Append)
            DropPending();

        if (tail.Kind != MessageKind.Renewal)
            SinceCheckpoint++;

        switch (tail.Kind)
        {
            case MessageKind.Fence:
                Fence = FenceContent.Read(content);
                if (Tail.Fence > 0)
                    Garbage.Add(Tail.Fence);

                break;
            case MessageKind.Renewal:
                break;
            case MessageKind.Part:
                if (tail.Part != _pending.Count || (tail.Part > 0 && tail.Sequence != Tail.Sequence + 1))
                    DropPending();

                if (tail.Part == _pending.Count)
                    Buffer(tail, content);
                else
                    Garbage.Add(tail.Sequence);

                break;
            case MessageKind.Append:
                if (tail.Part == 0)
                    DropPending();

                if (tail.Part != _pending.Count || (tail.Part > 0 && tail.Sequence != Tail.Sequence + 1))
                    throw new StoreBrokenException($"message {tail.Sequence} of the log ends an append of which {tail.Part - _pending.Count} parts are missing");

                Buffer(tail, content);
                ApplyPending();
                break;
            case MessageKind.Deletion:
                Bury(content);
                LastDeletion = tail.Sequence;
                Garbage.Add(tail.Sequence);
                break;
            case MessageKind.Moved:
                Move(tail.Sequence, content);
                break;
            case MessageKind.CheckpointPiece:
                _loosePieces.Add(tail.Sequence);
                break;
            case MessageKind.Checkpoint:
                Note(tail.Sequence, content);
                break;
            default:
                throw new StoreBrokenException($"message {tail.Sequence} of the log is of a kind that this version does not know: {tail.Kind}");
        }

        // A part may be of a writer that did not know it was replaced.
        Tail = tail.Kind == MessageKind.Part ? Tail with { Kind = tail.Kind, Sequence = tail.Sequence } : tail;
    }

    /// <summary>Takes the messages that may be deleted now.</summary>
    public List<ulong> TakeGarbage()
    {
        GarbageBytes = 0;
        return TakeCovered();
    }

    /// <summary>The same where no new checkpoint was made: what one more would free is still counted.</summary>
    public List<ulong> TakeCovered()
    {
        var taken = Garbage.FindAll(sequence => sequence <= Covered);
        Garbage.RemoveAll(sequence => sequence <= Covered);
        taken.AddRange(Idle);
        Idle.Clear();
        return taken;
    }

    /// <summary>All up to <see cref="Covered"/> that must stay.</summary>
    public HashSet<ulong> NeededSequences()
    {
        var needed = new HashSet<ulong>(_checkpointPieces) { Tail.Fence, Tail.Checkpoint };
        foreach (var entry in Index.Snapshot())
        {
            for (var sequence = entry.Sequence - entry.Chunks; sequence <= entry.Sequence; sequence++)
                needed.Add(sequence);
        }
        return needed;
    }

    /// <summary>The lowest sequence that must stay.</summary>
    public ulong LowestNeeded()
    {
        var lowest = Math.Min(Covered + 1, Tail.Fence);
        foreach (var entry in Index.Snapshot())
            lowest = Math.Min(lowest, entry.Sequence - entry.Chunks);

        return lowest;
    }

    /// <summary>Reads what a checkpoint's last message says.</summary>
    public static (ulong Covered, List<ulong> Pieces) ReadCheckpoint(ReadOnlySpan<byte> content)
    {
        var reader = new ByteReader(content);
        var covered = reader.Varint();
        var pieces = new List<ulong>();
        while (!reader.AtEnd)
            pieces.Add(covered + reader.Varint());

        return (covered, pieces);
    }

    private void Note(ulong sequence, ReadOnlySpan<byte> content)
    {
        (var covered, var pieces) = ReadCheckpoint(content);
        if (Tail.Checkpoint > 0)
            Garbage.Add(Tail.Checkpoint);

        Garbage.AddRange(_checkpointPieces);
        Garbage.AddRange(_loosePieces.Except(pieces));
        _loosePieces.Clear();
        (Covered, _checkpointPieces, SinceCheckpoint) = (covered, pieces, 0);
    }

    private void Buffer(LogTail tail, ReadOnlySpan<byte> content)
    {
        var reader = new ByteReader(content);
        var entry = ReadEntry(tail.Sequence, ref reader, content.Length);
        var side = new List<SideRow>();
        while (!reader.AtEnd)
            side.Add(SideRows.Read(ref reader));

        _pending.Add((tail.Sequence, entry, side));
    }

    private void ApplyPending()
    {
        var chunks = 0;
        for (var i = _pending.Count - 1; i >= 0; i--)
        {
            // What holds only side rows is garbage once a checkpoint has the rows; what holds only the beginning of a payload goes with its record.
            if (_pending[i].Entry is { } entry)
                chunks = entry.Chunks;
            else if (chunks > 0)
                chunks--;
            else
                Garbage.Add(_pending[i].Sequence);
        }
        foreach ((_, var entry, var side) in _pending)
        {
            if (entry is { } stored)
                Index.Add(stored);

            side.ForEach(Side.Apply);
        }
        _pending.Clear();
    }

    private void DropPending()
    {
        Idle.AddRange(_pending.Select(part => part.Sequence));
        _pending.Clear();
    }

    private void Bury(ReadOnlySpan<byte> content)
    {
        var reader = new ByteReader(content);
        long revision = 0;
        while (!reader.AtEnd)
        {
            revision += reader.Signed();
            var first = new RecordId(revision, reader.Count());
            var entry = Index.SetDead(first, reader.Words());
            if (entry.Live == 0)
                Discard(entry);
        }
    }

    private void Move(ulong sequence, ReadOnlySpan<byte> content)
    {
        var reader = new ByteReader(content);
        var from = new RecordId(reader.Signed(), reader.Count());
        var to = new RecordId(reader.Signed(), reader.Count());
        var moved = ReadEntry(sequence, ref reader, content.Length)
            ?? throw new StoreBrokenException($"message {sequence} of the log moves no records");
        foreach (var replaced in Index.Replace(from, to, moved))
            Discard(replaced);
    }

    private void Discard(in MessageEntry entry)
    {
        for (var sequence = entry.Sequence - entry.Chunks; sequence <= entry.Sequence; sequence++)
            Garbage.Add(sequence);

        GarbageBytes += entry.Bytes;
    }

    private static MessageEntry? ReadEntry(ulong sequence, ref ByteReader reader, int contentLength)
    {
        var records = new RecordReader(reader);
        var builder = new EntryBuilder();
        while (records.TryRead(out var record))
            builder.Add(record.Id);

        reader = records.Rest;
        return records.Count == 0 ? null : builder.Build(sequence, records.Chunks, contentLength + records.PayloadLength);
    }
}
