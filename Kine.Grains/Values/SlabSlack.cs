namespace Kine.Grains.Values;

/// <summary>
/// What a cache holds of slabs beyond the slices it has: their ends, what it never took and what it let go of. Together with the slices it is the real size of
/// those slabs. Thread-safe. A worked example:
/// <code>
/// Add 600 bytes of a slab        slack 256 KiB - 600
/// Add the rest of it             slack 0
/// Remove all but 600 bytes       slack 256 KiB - 600
/// Remove the last 600 bytes      slack 0: the slab is not held any more
/// </code>
/// </summary>
internal sealed class SlabSlack(long maxBytes, Action<int> letGo)
{
    private const long LeastSlabs = 64; // in a smaller cache few slabs would be all there is
    private const int LargeShare = 8;

    private long _bytes;

    /// <summary>Bytes now.</summary>
    public long Bytes => Math.Max(0, Volatile.Read(ref _bytes));

    /// <summary>True when there is so much of it that slices are worth copying to free their slabs.</summary>
    public bool IsLarge => Bytes > maxBytes / LargeShare;

    /// <summary>True when the cache may keep slices.</summary>
    public bool AllowsSlices { get; } = maxBytes >= LeastSlabs * PairSlab.Size;

    /// <summary>A slice comes in.</summary>
    public void Add(PairSlab slab, int length) =>
        Interlocked.Add(ref _bytes, slab.CountCached(length) == length ? PairSlab.Size - length : -length);

    /// <summary>A slice goes.</summary>
    public void Remove(PairSlab slab, int length)
    {
        var last = slab.CountCached(-length) == 0;
        Interlocked.Add(ref _bytes, last ? length - PairSlab.Size : length);
        if (last)
            letGo(PairSlab.Size);
    }
}
