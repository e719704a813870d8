using Kine.Etcd;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;
using Orleans.Placement;

namespace Kine.Grains.Cluster;

/// <summary>
/// Gives a <see cref="LeaseShare"/> a name in the cluster and its turns. An activation that is new learns its leases with the writer's next call.
/// </summary>
[Reentrant, KeepAlive, PreferLocalPlacement]
public sealed class LeaseGrain : Grain, ILeaseGrain
{
    private static readonly TimeSpan CheckpointLook = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(20); // timers end at 49 days

    private readonly IRevisionGrain _writer;
    private readonly LeaseShare _share;
    private IGrainTimer? _timer;
    private Guid _beginning;

    /// <summary>No lease has a clock yet.</summary>
    public LeaseGrain(IGrainFactory grains, TimeProvider time, ILogger<LeaseGrain> log)
    {
        _writer = grains.GetGrain<IRevisionGrain>(RevisionGrain.Key);
        _share = new LeaseShare(_writer.RenewLeases, _writer.ExpireLeases, _writer.CheckpointLeases, time, log);
    }

    // Orleans runs the first turn of an activation under the activation's lock, which is also taken to hand it a message. Two grains that call each other in their
    // first turns would wait for each other for ever; the lock is given up at the first wait.
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        _timer = this.RegisterGrainTimer(
            Expire,
            new GrainTimerCreationOptions { DueTime = Timeout.InfiniteTimeSpan, Period = Timeout.InfiniteTimeSpan, Interleave = true, KeepAlive = true });
        this.RegisterGrainTimer(
            _ => _share.Checkpoint(),
            new GrainTimerCreationOptions { DueTime = CheckpointLook, Period = CheckpointLook, Interleave = true, KeepAlive = true });
    }

    public async Task Apply(Guid beginning, LeaseRun[] runs)
    {
        if (beginning != _beginning)
        {
            runs = await _writer.LeaseRuns((int)this.GetPrimaryKeyLong());
            _beginning = beginning;
        }

        _share.Apply(runs);
        SetTimer();
    }

    public async Task<LeaseKeepAliveResponse> KeepAlive(long lease)
    {
        var reply = await _share.KeepAlive(lease);
        SetTimer();
        return reply;
    }

    public async Task<LeaseTimeToLiveResponse> TimeToLive(LeaseTimeToLiveRequest request)
    {
        var reply = await _writer.LeaseTimeToLive(request);
        if (reply.TTL > 0)
            reply.TTL = _share.Left(request.ID) ?? reply.TTL;

        return reply;
    }

    private async Task Expire(CancellationToken cancellationToken)
    {
        await _share.Expire();
        SetTimer();
    }

    private void SetTimer()
    {
        if (_share.Wait is { } wait)
            _timer?.Change(wait < LongestWait ? wait : LongestWait, Timeout.InfiniteTimeSpan);
    }
}
