namespace Kine.Grains.Writing;

/// <summary>
/// One run of a lease's clock, from its whole TTL down. The writer begins and numbers the runs; only the
/// LeaseGrain knows when one is due. A worked example, granted for 60 s:
/// <code>
/// granted                 run 1, due at 60 s
/// kept alive at 40 s      run 2, due at 100 s
/// run 1 is due            nothing happens: the writer knows run 2
/// run 2 is due            revoked: run 3, which has TTL 0
/// </code>
/// </summary>
/// <param name="Id">The lease.</param>
/// <param name="Ttl">What it was granted for, in seconds; 0 = the lease is gone.</param>
/// <param name="Term">The writer's term.</param>
/// <param name="Number">Counts the runs of all leases within a writer's life.</param>
/// <param name="Checkpoint">Seconds that it runs, where a writer before had noted what was left of the lease; 0 = the whole TTL.</param>
[GenerateSerializer, Immutable]
public sealed record LeaseRun(long Id, long Ttl, ulong Term, long Number, long Checkpoint = 0)
{
    /// <summary>Number of shares that the leases are divided into, each with a LeaseGrain.</summary>
    public const int Shares = 16;

    /// <summary>Seconds that it runs.</summary>
    public long Seconds => Checkpoint > 0 ? Checkpoint : Ttl;

    /// <summary>True when there is no such lease any more.</summary>
    public bool IsGone => Ttl == 0;

    /// <summary>The share that a lease belongs to.</summary>
    public static int ShareOf(long lease) => (int)((ulong)lease % Shares);

    /// <summary>True when the writer began it after the other one, of the same lease.</summary>
    public bool IsNewerThan(LeaseRun other) => Term != other.Term ? Term > other.Term : Number > other.Number;
}
