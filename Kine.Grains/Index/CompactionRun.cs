using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// The work of one compaction, in slices for the writer thread to do between its batches: first <see cref="DropHistory"/> until it returns
/// 0, then <see cref="SweepTombstones"/> until it returns false.
/// </summary>
public sealed class CompactionRun
{
    private readonly KeyIndex _index;
    private byte[]? _sweepFrom = [];

    internal CompactionRun(KeyIndex index, long revision)
    {
        _index = index;
        Revision = revision;
    }

    /// <summary>What is compacted to.</summary>
    public long Revision { get; }

    /// <summary>
    /// Passes up to <paramref name="maxRows"/> records that no reader at or above <see cref="Revision"/> can reach, frees their memory and
    /// adds the ids of those to delete from the log: versions superseded at or below it, tombstones below it (one exactly at it stays until
    /// a later compaction, as in etcd). The log must delete them in this order, or an interrupted run could leave an old version of a
    /// deleted key behind as its newest: so asking for the next slice says that the one before is deleted. A run whose delete failed must
    /// not ask again, but retry or be given up; the next run then begins with that slice, and only then may an id come twice. Returns the
    /// records passed, which may be more than the ids added; 0 when none is left.
    /// </summary>
    public int DropHistory(int maxRows, List<RecordId> deleted)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        return _index.DropHistory(this, maxRows, deleted);
    }

    /// <summary>
    /// Removes keys that were deleted below <see cref="Revision"/> from about <paramref name="maxLeaves"/> leaves of the tree; leaves
    /// without such keys cost next to nothing. Returns false when the whole tree has been passed.
    /// </summary>
    public bool SweepTombstones(int maxLeaves)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLeaves, 1);
        if (_sweepFrom is not null)
            _sweepFrom = _index.Sweep(Revision, _sweepFrom, maxLeaves);

        return _sweepFrom is not null;
    }
}
