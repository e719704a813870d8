namespace Kine.Grains.Index;

/// <summary>
/// Every version of every key since the last compaction, without values: a B+tree of the newest versions and a history of the superseded
/// ones. One thread at a time writes (<see cref="Apply"/>, <see cref="Undo"/>, <see cref="Compact"/> and its run); any number of threads
/// read at a revision, without locks (one that catches a row while it is replaced copies it again). A worked example, readers at 6 while
/// the writer is ahead:
/// <code>
/// Apply(a, Mod 5) Apply(b, Mod 6)  -- published revision 6, readers at 6 see a and b
/// Apply(c, Mod 7) Apply(a, tombstone 8)  -- not durable yet: readers at 6 still see a and b, TryGetNewest sees 8
/// Undo(a, 8)  -- the persist of 8 failed: readers never knew
/// </code>
/// </summary>
/// <remarks>
/// <para>Why readers need no lock. A reader takes its revision R from what is published, and R is published only after everything up to R
/// was applied, and nothing up to R is ever undone. The keys of a leaf never change and its rows are replaced one by one (a reader gets the
/// old row or the new one, never a mixture); the slot of an inner node is replaced in place by a child for the same range of keys; any
/// other change of shape makes a new inner node, after which the old one, and all it leads to that is not also in the new one, stays as it
/// was. So whatever mixture of old and new nodes a reader meets, each was the current one of its range at some moment after R was
/// published: it holds every key that has a version up to R, and each row is that version or leads to it, a superseded version being in the
/// history before the row that supersedes it is in the leaf. What is beyond R the reader passes over. A node that a reader kept while it
/// was replaced lacks only versions above R. Compaction to C takes away only what no reader at R >= C can see; a reader below C finds too
/// little, and must look at <see cref="CompactedRevision"/> after it has read: if that is above R, what it read is void.</para>
/// <para>Why counts may be summed. A slot keeps the live keys under it at the newest state and the revision of the last create or delete
/// under it. The writer stores the revision first and the count after it (both releases), a reader loads the count first and the revision
/// after it (both acquires). If the reader then sees a revision at most R, no count-changing write above R had begun under the slot when
/// the count was loaded, so the count is the one at R; else it descends. Undo stores the undone revision (above every R in use) before it
/// stores the lower count, so a reader at R sees a revision above R whichever count it loaded. The revision left behind may be higher than
/// the last change that still stands: that costs a descent, never a wrong count.</para>
/// </remarks>
public sealed partial class KeyIndex
{
    private readonly History _history = new();
    private readonly TombstoneQueue _tombstones = new();
    private IndexNode _root = Leaf.Empty;
    private long _live;
    private long _compacted;

    /// <summary>Keys that exist at the newest state, applied but unpublished changes included.</summary>
    public long LiveKeys => Volatile.Read(ref _live);

    /// <summary>
    /// The revision of the last <see cref="Compact"/>, 0 before the first. A reader below it may have been given too little: look after
    /// reading.
    /// </summary>
    public long CompactedRevision => Volatile.Read(ref _compacted);

    /// <summary>
    /// Any thread: the version of <paramref name="key"/> at <paramref name="revision"/>; false when the key does not exist there.
    /// </summary>
    public bool TryGet(ReadOnlySpan<byte> key, long revision, out KeyVersion version)
    {
        if (TryGetAt(key, revision, out version) && !version.IsTombstone)
            return true;

        version = default;
        return false;
    }

    /// <summary>
    /// Any thread: the last record of <paramref name="key"/> up to <paramref name="revision"/>, which may be a tombstone; false when there
    /// is none, or it was a tombstone that compaction has removed.
    /// </summary>
    public bool TryGetAt(ReadOnlySpan<byte> key, long revision, out KeyVersion version)
    {
        var node = Volatile.Read(ref _root);
        while (node is InnerNode inner)
            node = inner.Child(inner.Find(key));

        var leaf = (Leaf)node;
        var index = leaf.Find(key, Fingerprints.Of(key));
        version = default;
        return index >= 0 && TryRead(leaf, index, revision, out version);
    }

    /// <summary>Any thread: keys of <paramref name="range"/> that exist at <paramref name="revision"/>. Does not walk them.</summary>
    public long Count(KeyRange range, long revision)
    {
        if (range.IsEmpty)
            return 0;

        if (range.IsSingle)
            return TryGet(range.Start.Span, revision, out _) ? 1 : 0;

        return Count(Volatile.Read(ref _root), range.Start.Span, hasStart: true, range.End.Span, hasEnd: !range.IsOpen, revision);
    }

    /// <summary>Any thread: walks the keys of <paramref name="range"/> that exist at <paramref name="revision"/>, in order.</summary>
    public RangeCursor Range(KeyRange range, long revision) => new(this, range, revision);

    /// <summary>Any thread: the version at <paramref name="revision"/> of the key at a place that a cursor gave; false when it is compacted away.</summary>
    public bool TryGet(KeyPlace place, long revision, out KeyVersion version) => place.TryRead(this, revision, out version);

    /// <summary>The tree as last published.</summary>
    internal IndexNode Root => Volatile.Read(ref _root);

    /// <summary>The version at <paramref name="revision"/> of the key at <paramref name="index"/> of a leaf.</summary>
    internal bool TryRead(Leaf leaf, int index, long revision, out KeyVersion version)
    {
        leaf.Read(index, out var row);
        var found = row.Mod <= revision || _history.TryFind(ref row, revision);
        version = found ? row.ToVersion() : default;
        return found;
    }

    private long Count(IndexNode node, ReadOnlySpan<byte> start, bool hasStart, ReadOnlySpan<byte> end, bool hasEnd, long revision)
    {
        if (node is not InnerNode inner)
            return CountLeaf((Leaf)node, start, hasStart, end, hasEnd, revision);

        var first = hasStart ? inner.Find(start) : 0;
        var last = hasEnd ? inner.Find(end) : inner.Slots.Length - 1;
        long count = 0;
        for (var i = first; i <= last; i++)
        {
            var cutsStart = hasStart && i == first;
            var cutsEnd = hasEnd && i == last;
            if (!cutsStart && !cutsEnd)
            {
                ref var slot = ref inner.Slots[i];
                var live = Volatile.Read(ref slot.Live);
                if (Volatile.Read(ref slot.LastChange) <= revision)
                {
                    count += live;
                    continue;
                }
            }

            count += Count(inner.Child(i), start, cutsStart, end, cutsEnd, revision);
        }

        return count;
    }

    private long CountLeaf(Leaf leaf, ReadOnlySpan<byte> start, bool hasStart, ReadOnlySpan<byte> end, bool hasEnd, long revision)
    {
        var first = hasStart ? leaf.Keys.LowerBound(start) : 0;
        var last = hasEnd ? leaf.Keys.LowerBound(end) : leaf.Count;
        long count = 0;
        for (var i = first; i < last; i++)
        {
            leaf.Read(i, out var row);
            if ((row.Mod <= revision || _history.TryFind(ref row, revision)) && !row.IsTombstone)
                count++;
        }

        return count;
    }
}
