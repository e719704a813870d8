using Kine.Etcd;

namespace Kine.Grains.Lease;

/// <summary>The clock of one lease, keyed by its id. Whether the lease exists is the RevisionGrain's word.</summary>
public interface ILeaseGrain : IGrainWithIntegerKey
{
    /// <summary>Starts the clock with its whole TTL in seconds.</summary>
    Task Start(long ttl);

    /// <summary>Stops the clock: the lease is gone.</summary>
    Task Stop();

    /// <summary>One message of etcd v3 API, Lease.LeaseKeepAlive: starts the clock anew. TTL 0 in the reply = no such lease.</summary>
    Task<LeaseKeepAliveResponse> KeepAlive();

    /// <summary>Whole seconds left, of a lease granted for <paramref name="ttl"/>.</summary>
    Task<long> Remaining(long ttl);
}
