using System.Runtime.InteropServices;
using Kine.Backends;

namespace Kine.Grains.Index;

public sealed partial class KeyIndex
{
    private readonly List<RecordId> _handedOut = []; // last slice of ids: not known to be deleted until the same run asks for the next one
    private CompactionRun? _handedTo;
    private long _deadEntries; // keys in the tree whose newest version is a tombstone

    /// <summary>
    /// Writer: begins a compaction to <paramref name="revision"/>, which must be published. Its work is done in slices by the returned run;
    /// readers at or above the revision are right at every moment of it. A new run takes over what an unfinished one left. After a restart,
    /// call it with the log's mark once the log is replayed: it finds again what an interrupted run had not deleted. Throws
    /// <see cref="ArgumentOutOfRangeException"/> below the last compaction.
    /// </summary>
    public CompactionRun Compact(long revision)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(revision, _compacted);
        // Before anything goes, so that a reader below it that misses something sees why.
        Interlocked.Exchange(ref _compacted, revision);
        return new CompactionRun(this, revision);
    }

    /// <summary>
    /// Any thread: true for a record that etcd has after a compaction to <paramref name="mark"/>, which the caller pins: what is above it,
    /// each key's newest record up to it unless that is a tombstone, and tombstones exactly at it. The store may still hold others.
    /// </summary>
    internal bool Keeps(ReadOnlySpan<byte> key, RecordId id, bool tombstone, long mark) =>
        id.Revision > mark || (tombstone ? id.Revision == mark : TryGetAt(key, mark, out var newest) && newest.Id == id);

    /// <summary>
    /// One slice of superseded versions and tombstones. Rows come before tombstones: a log that lost a tombstone, but not yet the version
    /// below it, would bring the key back at the next start. For the same reason a slice that a run was given last, before it was
    /// abandoned, comes again before anything else.
    /// </summary>
    internal int DropHistory(CompactionRun run, int maxRows, List<RecordId> deleted)
    {
        var abandoned = _handedTo == run ? 0 : _handedOut.Count;
        _handedTo = run;
        if (abandoned > 0)
        {
            deleted.AddRange(_handedOut);
            return abandoned;
        }

        var before = deleted.Count;
        var passed = _history.Drop(run.Revision, maxRows, deleted);
        if (passed < maxRows)
            passed += _tombstones.Drop(run.Revision, maxRows - passed, deleted);

        _handedOut.Clear();
        _handedOut.AddRange(CollectionsMarshal.AsSpan(deleted)[before..]);
        return passed;
    }

    /// <summary>
    /// Takes keys that were deleted below <paramref name="revision"/> out of up to <paramref name="maxLeaves"/> leaves from
    /// <paramref name="from"/> on. Returns where to go on, null at the end.
    /// </summary>
    internal byte[]? Sweep(long revision, byte[] from, int maxLeaves)
    {
        var next = from;
        for (var seen = 0; seen < maxLeaves && next is not null && _deadEntries > 0; seen++)
        {
            var leaf = Descend(next);
            if (_depth > 0)
                leaf = SkipClean(leaf, maxLeaves - seen, ref seen);

            next = UpperBound();
            var cleaned = leaf.WithoutTombstones(revision, _packer);
            if (cleaned == leaf)
                continue;

            _deadEntries -= leaf.Tombstones - cleaned.Tombstones;
            Shrink(cleaned, revision: 0, change: 0);
        }

        return _deadEntries == 0 ? null : next;
    }

    /// <summary>Moves the end of the path on to the next leaf with a tombstone under the same node, or to the last one there.</summary>
    private Leaf SkipClean(Leaf leaf, int max, ref int seen)
    {
        var parent = _path[_depth - 1];
        ref var slot = ref _slot[_depth - 1];
        while (leaf.Tombstones == 0 && slot + 1 < parent.Slots.Length && max-- > 1)
        {
            leaf = (Leaf)parent.Slots[++slot].Child;
            seen++;
        }

        return leaf;
    }

    /// <summary>The first key beyond the leaf of the path; null when it is the last leaf.</summary>
    private byte[]? UpperBound()
    {
        for (var level = _depth - 1; level >= 0; level--)
        {
            if (_slot[level] + 1 < _path[level].Slots.Length)
                return _path[level].Separators.Key(_slot[level]);
        }

        return null;
    }
}
