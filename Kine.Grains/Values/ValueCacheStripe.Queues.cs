using Kine.Backends;

namespace Kine.Grains.Values;

/// <content>Table and queues; called under the lock.</content>
internal sealed partial class ValueCacheStripe
{
    /// <summary>Spreads ids over 64 bits: the stripe, the bucket and the fingerprint come from different ones.</summary>
    public static ulong Hash(RecordId id)
    {
        var hash = ((ulong)id.Revision ^ (ulong)id.Sub << 40) * 0x9E3779B97F4A7C15;
        hash = (hash ^ hash >> 32) * 0xD6E8FEB86659FD93;
        return hash ^ hash >> 32;
    }

    private static int[] NewBuckets(int size)
    {
        var buckets = new int[size];
        buckets.AsSpan().Fill(None);
        return buckets;
    }

    private static long Cost(in Entry entry) => EntryBytes + entry.Value.Length;

    private ref Entry At(int at) => ref _chunks[at >> ChunkShift][at & (ChunkSize - 1)];

    private ref int Bucket(ulong hash) => ref _buckets[hash & (uint)(_buckets.Length - 1)];

    private int Find(ulong hash, RecordId id)
    {
        var at = Bucket(hash);
        while (at != None)
        {
            ref var entry = ref At(at);
            if (entry.Revision == id.Revision && entry.Sub == id.Sub)
                return at;

            at = entry.NextInBucket;
        }

        return None;
    }

    private void Grow()
    {
        _buckets = NewBuckets(_buckets.Length * 2);
        for (var at = 0; at < _used; at++)
        {
            ref var entry = ref At(at);
            if (!entry.Taken)
                continue;

            ref var bucket = ref Bucket(Hash(new RecordId(entry.Revision, entry.Sub)));
            entry.NextInBucket = bucket;
            bucket = at;
        }
    }

    private int TakeFree()
    {
        if (_free != None)
        {
            var at = _free;
            _free = At(at).NextInBucket;
            return at;
        }

        if (_used >> ChunkShift == _chunks.Count)
            _chunks.Add(new Entry[ChunkSize]);

        return _used++;
    }

    private void Enqueue(ref Fifo queue, int at)
    {
        ref var entry = ref At(at);
        entry.Newer = None;
        entry.Older = queue.Newest;
        if (queue.Newest != None)
            At(queue.Newest).Newer = at;
        else
            queue.Oldest = at;

        queue.Newest = at;
        queue.Bytes += Cost(entry);
    }

    private void Unlink(ref Fifo queue, int at)
    {
        ref var entry = ref At(at);
        if (at == _look)
            _look = entry.Newer;

        if (entry.Newer != None)
            At(entry.Newer).Older = entry.Older;
        else
            queue.Newest = entry.Older;

        if (entry.Older != None)
            At(entry.Older).Newer = entry.Newer;
        else
            queue.Oldest = entry.Newer;

        queue.Bytes -= Cost(entry);
    }

    /// <summary>Moves the oldest value of a queue on, or out.</summary>
    private void Evict()
    {
        if (_small.Oldest != None && (_small.Bytes > _smallBytes || _main.Oldest == None))
        {
            var at = _small.Oldest;
            ref var entry = ref At(at);
            if (entry.Reads == 0)
            {
                AddGhost(Hash(new RecordId(entry.Revision, entry.Sub)));
                Release(at);
                return;
            }

            Unlink(ref _small, at);
            entry.Reads = 0;
            entry.Main = true;
            Enqueue(ref _main, at);
            return;
        }

        var oldest = _main.Oldest;
        ref var candidate = ref At(oldest);
        if (candidate.Reads == 0)
        {
            Release(oldest);
            return;
        }

        candidate.Reads--;
        Unlink(ref _main, oldest);
        Enqueue(ref _main, oldest);
    }

    private void Attach(ref Entry entry, PairSlab? slab)
    {
        if (slab is null)
            return;

        if (entry.Main)
        {
            entry.Value = entry.Value.ToArray();
            return;
        }

        entry.Slice = true;
        _slack.Add(slab, entry.Value.Length);
    }

    /// <summary>Lets go of the slab that the value lies in, by a copy. That costs the same as an array from the start, so the queue's bytes stay.</summary>
    private void Detach(ref Entry entry)
    {
        if (!entry.Slice)
            return;

        var slab = PairSlab.Of(entry.Value)!;
        entry.Value = entry.Value.ToArray();
        entry.Slice = false;
        _slack.Remove(slab, entry.Value.Length);
    }

    /// <summary>While there is much slack, looks at a few entries of the small queue, turn after turn, and copies what is left of slabs that are mostly gone.</summary>
    private void CopySparse()
    {
        for (var looks = 0; looks < SparseLooks && _slack.IsLarge; looks++)
        {
            if (_look == None)
                _look = _small.Oldest;

            if (_look == None)
                return;

            ref var entry = ref At(_look);
            if (entry.Slice && PairSlab.Of(entry.Value)!.IsSparse)
                Detach(ref entry);

            _look = entry.Newer;
        }
    }

    // The slack is all stripes': where it grows by what another one lets go of, this one makes room when it is used next.
    private void Fit()
    {
        while (_count > 0 && _small.Bytes + _main.Bytes + _slack.Bytes / _stripes > _maxBytes)
            Evict();
    }

    private void Release(int at)
    {
        ref var entry = ref At(at);
        if (entry.Slice)
            _slack.Remove(PairSlab.Of(entry.Value)!, entry.Value.Length);

        Unlink(ref entry.Main ? ref _main : ref _small, at);
        ref var link = ref Bucket(Hash(new RecordId(entry.Revision, entry.Sub)));
        while (link != at)
            link = ref At(link).NextInBucket;

        link = entry.NextInBucket;
        entry = new Entry { NextInBucket = _free };
        _free = at;
        _count--;
    }

    private void AddGhost(ulong hash) => _ghosts[Ghost(hash)] = Fingerprint(hash);

    private bool TakeGhost(ulong hash)
    {
        ref var ghost = ref _ghosts[Ghost(hash)];
        if (ghost != Fingerprint(hash))
            return false;

        ghost = 0;
        return true;
    }

    private int Ghost(ulong hash) => (int)(hash & (uint)(_ghosts.Length - 1));

    private static uint Fingerprint(ulong hash) => (uint)(hash >> 16) | 1;
}
