using Kine.Grains.Lease;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

/// <summary>The clocks of leases, which the LeaseGrains run.</summary>
internal sealed class LeaseGrainClocks(IGrainFactory grains, TimeProvider time, ILogger log) : ILeaseClocks
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private readonly Guid[] _beginnings = new Guid[LeaseRun.Shares]; // a share asks for all of its leases when its own is new

    public void Restart()
    {
        for (var share = 0; share < LeaseRun.Shares; share++)
        {
            _beginnings[share] = Guid.NewGuid();
            _ = Apply(share, []);
        }
    }

    public void Apply(LeaseRun[] runs)
    {
        foreach (var share in runs.GroupBy(run => LeaseRun.ShareOf(run.Id)))
        {
            _ = Apply(share.Key, [.. share]);
        }
    }

    public async Task Watch(CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            await Task.Delay(Interval, time, ended)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            for (var share = 0; share < LeaseRun.Shares && !ended.IsCancellationRequested; share++)
            {
                _ = Apply(share, []);
            }
        }
    }

    private async Task Apply(int share, LeaseRun[] runs)
    {
        try
        {
            await grains.GetGrain<ILeaseGrain>(share).Apply(_beginnings[share], runs);
        }
        catch (Exception error)
        {
            log.Log(error is EtcdException ? LogLevel.Debug : LogLevel.Warning, error, "The clocks of a share of the leases could not be reached");
            _beginnings[share] = Guid.NewGuid();
        }
    }
}
