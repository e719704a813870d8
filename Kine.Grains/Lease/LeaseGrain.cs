using Kine.Etcd;
using Kine.Grains.Revision;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Lease;

/// <summary>
/// Owns a lease's clock. When it runs out, the RevisionGrain is asked to revoke; until that answers, the lease stands. Kept alive, since an
/// activation collected as idle would take the clock with it.
/// <code>
/// Start(60) --- KeepAlive at 40 s ---> deadline 100 s --- nothing ---> Expire at 100 s ---> gone
/// </code>
/// </summary>
[Reentrant, KeepAlive]
public sealed class LeaseGrain(TimeProvider time, ILogger<LeaseGrain> log) : Grain, ILeaseGrain
{
    private static readonly TimeSpan RetryRevoke = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(20); // timers end at 49 days

    private IGrainTimer? _timer;
    private long _startedAt;
    private long _ttl;

    private IRevisionGrain Writer => GrainFactory.GetGrain<IRevisionGrain>(RevisionGrain.Key);

    private TimeSpan Left => TimeSpan.FromSeconds(_ttl) - time.GetElapsedTime(_startedAt);

    /// <inheritdoc/>
    public Task Start(long ttl)
    {
        _ttl = ttl;
        _startedAt = time.GetTimestamp();
        if (_timer is null)
        {
            _timer = this.RegisterGrainTimer(
                Tick,
                new GrainTimerCreationOptions { DueTime = Wait(), Period = Timeout.InfiniteTimeSpan, Interleave = true, KeepAlive = true });
        }
        else
        {
            _timer.Change(Wait(), Timeout.InfiniteTimeSpan);
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task Stop()
    {
        _timer?.Dispose();
        _timer = null;
        DeactivateOnIdle();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public async Task<LeaseKeepAliveResponse> KeepAlive()
    {
        var noted = await Writer.NoteKeepAlive(this.GetPrimaryKeyLong());
        if (noted.TTL > 0)
        {
            await Start(noted.TTL);
        }
        else
        {
            await Stop();
        }

        return noted;
    }

    /// <inheritdoc/>
    public async Task<long> Remaining(long ttl)
    {
        if (_timer is null)
        {
            await Start(ttl);
        }

        return Math.Max(0, (long)Left.TotalSeconds);
    }

    private TimeSpan Wait() => Left <= TimeSpan.Zero ? TimeSpan.Zero : Left < LongestWait ? Left : LongestWait;

    private async Task Tick(CancellationToken cancellationToken)
    {
        if (Left > TimeSpan.Zero)
        {
            _timer?.Change(Wait(), Timeout.InfiniteTimeSpan);
            return;
        }

        try
        {
            if (await Writer.Expire(this.GetPrimaryKeyLong()) is { } left)
            {
                _startedAt = time.GetTimestamp() - (long)((_ttl - left.TotalSeconds) * time.TimestampFrequency);
                _timer?.Change(Wait(), Timeout.InfiniteTimeSpan);
            }
            else
            {
                await Stop();
            }
        }
        catch (EtcdException error) when (error.IsNoLeader)
        {
            await Stop(); // another process writes now; whoever writes next starts all clocks anew
        }
        catch (Exception error)
        {
            log.LogWarning(error, "An expired lease could not be revoked yet");
            _timer?.Change(RetryRevoke, Timeout.InfiniteTimeSpan);
        }
    }
}
