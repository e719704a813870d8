#if !ORLEANS
using Kine.Etcd;
using Kine.Grains.Embedded;

namespace Kine.Grains.Lease;

/// <summary>Calls a LeaseGrain without reflection.</summary>
internal sealed class LeaseGrainReference(CallRoute route) : GrainReference<ILeaseGrain>(route), ILeaseGrain
{
    public Task Start(long ttl) => Invoke(static (grain, ttl) => grain.Start(ttl), ttl);

    public Task Stop() => Invoke(static (grain, _) => grain.Stop(), 0);

    public Task<LeaseKeepAliveResponse> KeepAlive() => Invoke(static (grain, _) => grain.KeepAlive(), 0);

    public Task<long> Remaining(long ttl) => Invoke(static (grain, ttl) => grain.Remaining(ttl), ttl);
}
#endif
