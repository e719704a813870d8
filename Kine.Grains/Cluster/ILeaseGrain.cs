using Kine.Etcd;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>The clocks of one share of the leases, keyed by its number. Which leases there are is the RevisionGrain's word.</summary>
public interface ILeaseGrain : IGrainWithIntegerKey
{
    /// <summary>
    /// Applies runs that the writer began. When <paramref name="beginning"/> is not that of the call before, the grain
    /// asks the writer for all of its leases instead.
    /// </summary>
    Task Apply(Guid beginning, [Immutable] LeaseRun[] runs);

    /// <summary>One message of etcd v3 API, Lease.LeaseKeepAlive.</summary>
    Task<LeaseKeepAliveResponse> KeepAlive(long lease);

    /// <summary>etcd v3 API, Lease.LeaseTimeToLive.</summary>
    Task<LeaseTimeToLiveResponse> TimeToLive([Immutable] LeaseTimeToLiveRequest request);
}
