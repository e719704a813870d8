using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>Which records etcd has after a compaction, whatever of the others is still waiting to be deleted from the store.</summary>
internal static class CompactedHistory
{
    /// <summary>
    /// True for what is above the compaction mark, for each key's newest record up to it unless that is a tombstone, and for tombstones exactly at it.
    /// The caller pins the mark.
    /// </summary>
    public static bool Contains(KeyIndex index, ReadOnlySpan<byte> key, RecordId id, bool tombstone, long compacted) =>
        id.Revision > compacted
        || (tombstone ? id.Revision == compacted : index.TryGetAt(key, compacted, out var newest) && newest.Id == id);
}
