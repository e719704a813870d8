using Kine.Backends;

namespace Kine.Grains.Lease;

/// <summary>
/// The leases that exist and the keys attached to them, at the newest evaluated state. Owned by the RevisionGrain; the clocks are the LeaseGrains'.
/// </summary>
internal sealed class LeaseTable
{
    private readonly Dictionary<long, LeaseEntry> _leases = [];

    /// <summary>Number of leases.</summary>
    public int Count => _leases.Count;

    /// <summary>All leases, in no order.</summary>
    public IReadOnlyCollection<LeaseEntry> All => _leases.Values;

    /// <summary>The lease, or null when there is none of this id.</summary>
    public LeaseEntry? Find(long id) => _leases.GetValueOrDefault(id);

    /// <summary>Adds a lease; the id must be free.</summary>
    public LeaseEntry Add(long id, long ttl)
    {
        var lease = new LeaseEntry(id, ttl);
        _leases.Add(id, lease);
        return lease;
    }

    /// <summary>Puts a lease back that was removed by a batch that failed.</summary>
    public void Restore(LeaseEntry lease) => _leases.Add(lease.Id, lease);

    /// <summary>Takes the lease away; its keys are the caller's business.</summary>
    public void Remove(long id) => _leases.Remove(id);

    /// <summary>Moves a key from one lease to another; 0 = none on either side.</summary>
    public void Move(ReadOnlyMemory<byte> key, long from, long to)
    {
        if (from == to)
        {
            return;
        }

        if (from != 0)
        {
            Find(from)?.Keys.Remove(key);
        }

        if (to != 0)
        {
            Find(to)?.Keys.Add(key);
        }
    }
}

/// <summary>One lease: its id, granted TTL in seconds and attached keys.</summary>
internal sealed class LeaseEntry(long id, long ttl)
{
    public long Id { get; } = id;

    public long Ttl { get; } = ttl;

    /// <summary>Attached keys in key order, the order in which a revoke deletes them.</summary>
    public SortedSet<ReadOnlyMemory<byte>> Keys { get; } = new(KeyOrder.Instance);

    /// <summary>When the holder last heard of the lease's clock, in the time provider's timestamps.</summary>
    public long NotedAt { get; set; }

    /// <summary>Set while a revoke is on its way: keep-alives wait for it.</summary>
    public Task? Revoking { get; set; }

    /// <summary>The row of side state that keeps the lease.</summary>
    public SideRow Row() => new(SideKind.Lease, RowKey(Id), RowKey(Ttl));

    /// <summary>An id or TTL as 8 big-endian bytes.</summary>
    public static byte[] RowKey(long number)
    {
        var bytes = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        return bytes;
    }

    private sealed class KeyOrder : IComparer<ReadOnlyMemory<byte>>
    {
        public static readonly KeyOrder Instance = new();

        public int Compare(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceCompareTo(y.Span);
    }
}
