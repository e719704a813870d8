namespace Kine.Grains.Bolt;

/// <summary>What a file's first pages must know of the rest, found by a first pass over lengths alone.</summary>
/// <param name="Root">Page of the root bucket.</param>
/// <param name="Pages">Number of pages.</param>
/// <param name="Entries">Entries of all buckets.</param>
/// <param name="Bytes">Key and value bytes of all entries.</param>
internal readonly record struct BoltPlan(ulong Root, ulong Pages, long Entries, long Bytes)
{
    /// <summary>Bytes of the file.</summary>
    public long FileLength => (long)Pages * BoltFormat.PageSize;
}
