using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Cluster;

/// <summary>The clocks of leases, which the LeaseGrains run.</summary>
internal sealed class LeaseGrainClocks(IGrainFactory grains, TimeProvider time, ILogger log) : ILeaseClocks
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private Guid _beginning; // a share that sees a new one asks for all of its leases

    public void Restart()
    {
        _beginning = Guid.NewGuid();
        CallAll();
    }

    public void Apply(LeaseRun[] runs)
    {
        foreach (var share in runs.GroupBy(run => LeaseRun.ShareOf(run.Id)))
            _ = Call(share.Key, [.. share]);
    }

    public async Task Watch(CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            CallAll();
            await Task.Delay(Interval, time, ended)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
    }

    private void CallAll()
    {
        for (var share = 0; share < LeaseRun.Shares; share++)
            _ = Call(share, []);
    }

    private async Task Call(int share, LeaseRun[] runs)
    {
        try
        {
            await grains.GetGrain<ILeaseGrain>(share).Apply(_beginning, runs);
        }
        catch (Exception error)
        {
            // A silo that stops or has gone is no news: the next call finds the share elsewhere.
            var level = error is EtcdException or SiloUnavailableException ? LogLevel.Debug : LogLevel.Warning;
            log.Log(level, error, "The clocks of a share of the leases could not be reached");
            _beginning = Guid.NewGuid(); // they may have missed something
        }
    }
}
