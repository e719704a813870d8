using Kine.Backends;

namespace Kine.Grains.Values;

/// <summary>
/// One lock's part of the <see cref="ValueCache"/>, by the S3-FIFO rule: what is new enters a small queue (a tenth of the bytes); leaving
/// that, a value read at least once meanwhile goes on to the main queue, another one goes and leaves its fingerprint behind. A value that
/// returns while its fingerprint is there enters the main queue at once. The main queue gives a value another round for each read since, up
/// to three. So a scan only passes through the small queue.
/// </summary>
/// <remarks>
/// A slice of a slab stays one only while nobody has read it, which is in the small queue: then it gets an array of its own, which may be kept for long. The queues
/// of all stripes let go of slices in about the order of writing, so most slabs leave soon after their first slice does. What they hold longer is the slack,
/// which counts against the bound, an equal share in each stripe. When compaction takes most of what was written, the few slices left of such slabs are copied.
/// </remarks>
internal sealed partial class ValueCacheStripe
{
    private const int ChunkShift = 10;
    private const int ChunkSize = 1 << ChunkShift; // entries: 48 KiB
    private const int EntryBytes = 48 + 8 + 24; // its slot, its share of the buckets, the array's header
    private const int Ghosts = 4096;
    private const int MaxReads = 3;
    private const int None = -1;
    private const int SparseLooks = 8; // entries looked at in a turn while there is much slack

    private struct Entry
    {
        public ReadOnlyMemory<byte> Value;
        public long Revision;
        public int Sub;
        public int NextInBucket; // of a free entry: the next free one
        public int Newer;
        public int Older;
        public byte Reads;
        public bool Main;
        public bool Taken; // false of a free entry
        public bool Slice; // of a slab
    }

    private struct Fifo
    {
        public int Newest;
        public int Oldest;
        public long Bytes;
    }

    private readonly SlabSlack _slack;
    private readonly int _stripes;
    private readonly Lock _lock = new(); // protects everything below
    private readonly long _maxBytes;
    private readonly long _smallBytes;
    private readonly List<Entry[]> _chunks = [];
    private readonly uint[] _ghosts;
    private int[] _buckets = NewBuckets(16);
    private Fifo _small = new() { Newest = None, Oldest = None };
    private Fifo _main = new() { Newest = None, Oldest = None };
    private int _free = None;
    private int _used; // entries ever taken from the chunks
    private int _count;
    private int _look = None; // entry of the small queue that is looked at next for a slice of a sparse slab

    public ValueCacheStripe(long maxBytes, SlabSlack slack, int stripes)
    {
        (_slack, _stripes) = (slack, stripes);
        // What stands whether or not anything is cached is counted too.
        _ghosts = new uint[maxBytes >= 64 * Ghosts ? Ghosts : 64];
        _maxBytes = Math.Max(0, maxBytes - _ghosts.Length * sizeof(uint));
        _smallBytes = _maxBytes / 10;
    }

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _count;
            }
        }
    }

    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _small.Bytes + _main.Bytes;
            }
        }
    }

    public bool TryGet(ulong hash, RecordId id, out ReadOnlyMemory<byte> value)
    {
        lock (_lock)
        {
            var at = Find(hash, id);
            if (at == None)
            {
                value = default;
                return false;
            }

            ref var entry = ref At(at);
            if (entry.Reads < MaxReads)
                entry.Reads++;

            if (entry.Slice)
            {
                Detach(ref entry);
                value = entry.Value;
                Fit();
                return true;
            }

            value = entry.Value;
            return true;
        }
    }

    /// <summary>Keeps a value: a slice of <paramref name="slab"/>, or, without one, an array of its own.</summary>
    public void Add(ulong hash, RecordId id, ReadOnlyMemory<byte> value, PairSlab? slab)
    {
        lock (_lock)
        {
            if (Find(hash, id) != None)
                return;

            if (_count == _buckets.Length)
                Grow();

            var main = TakeGhost(hash);
            var at = TakeFree();
            ref var bucket = ref _buckets[hash & (uint)(_buckets.Length - 1)];
            At(at) = new Entry { Value = value, Revision = id.Revision, Sub = id.Sub, NextInBucket = bucket, Main = main, Taken = true };
            bucket = at;
            Attach(ref At(at), slab);
            _count++;
            Enqueue(ref main ? ref _main : ref _small, at);
            CopySparse();
            Fit();
        }
    }

    public void Remove(ulong hash, RecordId id)
    {
        lock (_lock)
        {
            var at = Find(hash, id);
            if (at != None)
                Release(at);

            CopySparse();
            Fit();
        }
    }
}
