using Kine.Backends;

namespace Kine.Grains.Values;

/// <summary>
/// One lock's part of the <see cref="ValueCache"/>, by the S3-FIFO rule: what is new enters a small queue (a tenth of the bytes); leaving
/// that, a value read at least once meanwhile goes on to the main queue, another one goes and leaves its fingerprint behind. A value that
/// returns while its fingerprint is there enters the main queue at once. The main queue gives a value another round for each read since, up
/// to three. So a scan only passes through the small queue.
/// </summary>
internal sealed partial class ValueCacheStripe
{
    private const int ChunkShift = 10;
    private const int ChunkSize = 1 << ChunkShift; // entries: 48 KiB
    private const int EntryBytes = 40 + 8 + 24; // its slot, its share of the buckets, the array's header
    private const int Ghosts = 4096;
    private const int MaxReads = 3;
    private const int None = -1;

    private struct Entry
    {
        public byte[]? Value;
        public long Revision;
        public int Sub;
        public int NextInBucket; // of a free entry: the next free one
        public int Newer;
        public int Older;
        public byte Reads;
        public bool Main;
    }

    private struct Fifo
    {
        public int Newest;
        public int Oldest;
        public long Bytes;
    }

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

    public ValueCacheStripe(long maxBytes)
    {
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

    public bool TryGet(ulong hash, RecordId id, out byte[]? value)
    {
        lock (_lock)
        {
            var at = Find(hash, id);
            if (at == None)
            {
                value = null;
                return false;
            }

            ref var entry = ref At(at);
            if (entry.Reads < MaxReads)
                entry.Reads++;

            value = entry.Value;
            return true;
        }
    }

    public void Add(ulong hash, RecordId id, byte[] value)
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
            At(at) = new Entry { Value = value, Revision = id.Revision, Sub = id.Sub, NextInBucket = bucket, Main = main };
            bucket = at;
            _count++;
            Enqueue(ref main ? ref _main : ref _small, at);
            while (_small.Bytes + _main.Bytes > _maxBytes)
                Evict();
        }
    }

    public void Remove(ulong hash, RecordId id)
    {
        lock (_lock)
        {
            var at = Find(hash, id);
            if (at != None)
                Release(at);
        }
    }
}
