using Kine.Grains.Lease;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

/// <summary>The clocks of leases, each a LeaseGrain. One that could not be told is found by the sweep; a revoked lease's clock finds out by itself.</summary>
internal sealed class LeaseGrainClocks(IGrainFactory grains, ILogger log) : ILeaseClocks
{
    public void Start(long lease, long ttl) => _ = Observe(grains.GetGrain<ILeaseGrain>(lease).Start(ttl));

    public void Stop(long lease) => _ = Observe(grains.GetGrain<ILeaseGrain>(lease).Stop());

    private async Task Observe(Task notified)
    {
        try
        {
            await notified;
        }
        catch (Exception error)
        {
            log.LogWarning(error, "A lease's clock could not be reached");
        }
    }
}
