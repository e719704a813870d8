using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// The superseded versions of all keys, in the order in which they were superseded, so that a compaction takes them from the front. A
/// worked example, puts of a at 5, b at 6, a at 7, b at 9:
/// <code>
/// row 0: a (Mod 5), superseded at 7     row 1: b (Mod 6), superseded at 9     compaction to 8 drops row 0
/// </code>
/// One writer appends; readers follow row numbers at any time. A row number is never used twice, so a link that a reader still holds leads
/// to its row or to nothing.
/// </summary>
/// <remarks>
/// A reader at R &gt;= the compacted revision never ends at a dropped row: the version it looks for is superseded above R or not at all. A
/// row whose superseding version was undone stays (dead) until a compaction passes the undone revision, because a reader below it may hold
/// the link.
/// </remarks>
internal sealed class History
{
    /// <summary>The link that leads nowhere.</summary>
    public const long NoRow = -1;

    private sealed record Table(long First, HistoryChunk?[] Chunks);

    // Slots are filled in place; growing and dropping make a new table. A reader with an old table finds in it every row that its links can
    // name, or nothing where it was dropped: links are published after their row's chunk.
    private Table _table = new(0, new HistoryChunk?[16]);
    private HistoryChunk? _last;
    private long _next; // number of the next row
    private long _examined; // rows below are dropped, or dead, as far as compaction is concerned

    /// <summary>Rows that a compaction has not examined yet.</summary>
    public long Rows => _next - _examined;

    /// <summary>Writer: stores a version that <paramref name="newer"/> superseded and returns its row number.</summary>
    public long Append(in VersionRow row, in KeyVersion newer)
    {
        if (_last is null || _last.IsFull)
            _last = AddChunk();

        _last.Add(row, newer);
        if (_last.IsFull)
            _last.Pack();

        return _next++;
    }

    /// <summary>Any thread: replaces a version by the one before it; false when there is none, or compaction dropped it.</summary>
    public bool TryGetOlder(ref VersionRow version)
    {
        var table = Volatile.Read(ref _table);
        var chunk = (version.Older >> HistoryChunk.Shift) - table.First;
        if (chunk < 0)
            return false;

        version = Volatile.Read(ref table.Chunks[chunk])!.Read((int)(version.Older & (HistoryChunk.Size - 1)), version);
        return true;
    }

    /// <summary>Any thread: replaces a version above <paramref name="revision"/> by the newest one at it; false when there is none.</summary>
    public bool TryFind(ref VersionRow version, long revision)
    {
        while (TryGetOlder(ref version))
        {
            if (version.Mod <= revision)
                return true;
        }

        return false;
    }

    /// <summary>Writer: takes the version before <paramref name="undone"/> back, which becomes the newest again.</summary>
    public VersionRow Restore(in VersionRow undone)
    {
        var older = undone;
        TryGetOlder(ref older);
        Chunk(undone.Older).Kill((int)(undone.Older & (HistoryChunk.Size - 1)));
        return older;
    }

    /// <summary>
    /// Writer: passes up to <paramref name="maxRows"/> rows superseded at or below <paramref name="revision"/>, adds the ids of those that
    /// are no tombstones, and lets go of whole chunks. Returns the rows passed, 0 when there is none left.
    /// </summary>
    public int Drop(long revision, int maxRows, List<RecordId> dropped)
    {
        var passed = 0;
        while (passed < maxRows && _examined < _next)
        {
            var chunk = Chunk(_examined);
            var index = (int)(_examined & (HistoryChunk.Size - 1));
            if (!chunk.IsDead(index))
            {
                if (chunk.Superseded(index) > revision)
                    break;

                var id = chunk.Id(index, out var isTombstone);
                if (!isTombstone)
                    dropped.Add(id);
            }

            passed++;
            _examined++;
        }

        DropChunks(revision);
        return passed;
    }

    private HistoryChunk Chunk(long row)
    {
        var table = _table;
        return table.Chunks[(row >> HistoryChunk.Shift) - table.First]!;
    }

    private HistoryChunk AddChunk()
    {
        var table = _table;
        var slot = (_next >> HistoryChunk.Shift) - table.First;
        if (slot == table.Chunks.Length)
        {
            var chunks = new HistoryChunk?[table.Chunks.Length * 2];
            Array.Copy(table.Chunks, chunks, table.Chunks.Length);
            table = new Table(table.First, chunks);
            Volatile.Write(ref _table, table);
        }

        var chunk = new HistoryChunk(_next);
        Volatile.Write(ref table.Chunks[slot], chunk);
        return chunk;
    }

    private void DropChunks(long revision)
    {
        var table = _table;
        var drop = 0;
        var passed = (int)((_examined >> HistoryChunk.Shift) - table.First);
        while (drop < passed && table.Chunks[drop] is { } chunk && chunk != _last && chunk.MaxSuperseded <= revision)
            drop++;

        if (drop == 0)
            return;

        var used = (int)((_next >> HistoryChunk.Shift) - table.First) + 1;
        var kept = Math.Max(0, used - drop);
        var chunks = new HistoryChunk?[Math.Max(16, kept * 2)];
        Array.Copy(table.Chunks, drop, chunks, 0, Math.Min(kept, table.Chunks.Length - drop));
        Volatile.Write(ref _table, new Table(table.First + drop, chunks));
    }
}
