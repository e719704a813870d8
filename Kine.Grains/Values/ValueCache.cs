using System.Numerics;
using System.Runtime.InteropServices;
using Kine.Backends;

namespace Kine.Grains.Values;

/// <summary>
/// The process's one cache of marshaled mvccpb.KeyValue messages by record, bounded in bytes of real memory (headers, tables and all of
/// each slab that it has a slice of are counted). Thread-safe. A scan over cold values does not push hot ones out (see <see cref="ValueCacheStripe"/>).
/// </summary>
public sealed class ValueCache
{
    private const long StripeBytes = 2 << 20;
    private const int MaxStripes = 4096;
    private const int LargeValue = 8 << 10; // bytes
    private const int GarbageShare = 4; // of the cache may be large values and slabs that it has let go of

    private readonly ValueCacheStripe[] _stripes;
    private readonly SlabSlack _slack;
    private readonly int _maxValue;
    private long _large; // bytes of large values added and of slabs let go since the last time that garbage was collected for them

    /// <summary>A cache of up to <paramref name="maxBytes"/> bytes; 0 keeps nothing.</summary>
    public ValueCache(long maxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        MaxBytes = maxBytes;
        var stripes = (int)Math.Min(MaxStripes, BitOperations.RoundUpToPowerOf2((ulong)Math.Max(1, maxBytes / StripeBytes)));
        _stripes = new ValueCacheStripe[stripes];
        _slack = new SlabSlack(maxBytes, CountLarge);
        for (var i = 0; i < stripes; i++)
            _stripes[i] = new ValueCacheStripe(maxBytes / stripes, _slack, stripes);

        _maxValue = (int)Math.Min(Math.Min(maxBytes / 64, maxBytes / stripes / 4), int.MaxValue);
    }

    /// <summary>The bound.</summary>
    public long MaxBytes { get; }

    /// <summary>Bytes in use, overhead included.</summary>
    public long Bytes => _stripes.Sum(stripe => stripe.Bytes) + _slack.Bytes;

    /// <summary>Values in it.</summary>
    public long Count => _stripes.Sum(stripe => (long)stripe.Count);

    /// <summary>The message of a record; false when it isn't cached.</summary>
    public bool TryGet(RecordId id, out ReadOnlyMemory<byte> value)
    {
        var hash = ValueCacheStripe.Hash(id);
        return Stripe(hash).TryGet(hash, id, out value);
    }

    /// <summary>
    /// Keeps the message of a record, which must not change any more; one that is too large (a 64th of the cache, a quarter of a stripe) is
    /// not kept. Memory that is a part of a larger array is copied, so that it does not hold the rest. Only a slice of a <see cref="PairSlab"/> is kept as it is,
    /// until it is read: what was written together mostly leaves together.
    /// </summary>
    public void Add(RecordId id, ReadOnlyMemory<byte> value)
    {
        if (value.Length > _maxValue)
            return;

        var hash = ValueCacheStripe.Hash(id);
        var slab = _slack.AllowsSlices ? PairSlab.Of(value) : null;
        if (slab is null && !(MemoryMarshal.TryGetArray(value, out var segment) && segment.Array!.Length == value.Length))
            value = value.ToArray();

        Stripe(hash).Add(hash, id, value, slab);
        if (slab is null && value.Length >= LargeValue)
            CountLarge(value.Length);
    }

    /// <summary>Lets go of a record that compaction deleted.</summary>
    public void Remove(RecordId id)
    {
        var hash = ValueCacheStripe.Hash(id);
        Stripe(hash).Remove(hash, id);
    }

    // What was long in the cache is old to the collector, which lets as much of it lie about as there is memory in use. Few large values are marked in no time,
    // so that it is worth to have them collected.
    private void CountLarge(int length)
    {
        if (Interlocked.Add(ref _large, length) > MaxBytes / GarbageShare && Interlocked.Exchange(ref _large, 0) > 0)
            ThreadPool.UnsafeQueueUserWorkItem(static _ => GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false), null);
    }

    // The top bits choose the stripe, the low ones the bucket in it.
    private ValueCacheStripe Stripe(ulong hash) => _stripes[hash >> 48 & (uint)(_stripes.Length - 1)];
}
