namespace Kine.Grains.Writing;

/// <summary>
/// The leases that exist and the keys attached to them, at the newest evaluated state. Owned by the writer; the clocks are the LeaseGrains'.
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
    public void Add(LeaseRun run) => _leases.Add(run.Id, new LeaseEntry(run) { Checkpoint = run.Checkpoint });

    /// <summary>Puts a lease back that was removed by a batch that failed.</summary>
    public void Restore(LeaseEntry lease) => _leases.Add(lease.Id, lease);

    /// <summary>Takes the lease away; its keys are the caller's business.</summary>
    public void Remove(long id) => _leases.Remove(id);

    /// <summary>Moves a key from one lease to another; 0 = none on either side.</summary>
    public void Move(ReadOnlyMemory<byte> key, long from, long to)
    {
        if (from == to)
            return;

        if (from != 0)
            Find(from)?.Keys.Remove(key);

        if (to != 0)
            Find(to)?.Keys.Add(key.ToArray()); // a part of the pair would keep the pair, and its slab, for as long as the lease
    }
}
