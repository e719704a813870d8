using System.Security.Cryptography;
using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Lease;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Revision;

// Which leases exist and what hangs on them, decided in revision order. Their clocks are the LeaseGrains'.
public sealed partial class RevisionGrain
{
    private const long MaxLeaseTtl = 9_000_000_000; // seconds
    private static readonly TimeSpan ClockDifference = TimeSpan.FromMilliseconds(100); // of two processes over one TTL
    private static readonly TimeSpan ClockSlack = TimeSpan.FromSeconds(5);
    private readonly Dictionary<long, Task> _revoking = [];

    /// <inheritdoc/>
    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request) => Submit(state =>
    {
        if (request.TTL > MaxLeaseTtl)
        {
            throw EtcdErrors.LeaseTtlTooLarge;
        }

        state.CheckSpace(0);
        var id = request.ID;
        while (id == 0)
        {
            var picked = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)) & long.MaxValue;
            id = state.Leases.Find(picked) is null ? picked : 0;
        }

        if (state.Leases.Find(id) is not null)
        {
            throw EtcdErrors.LeaseExists;
        }

        var lease = state.Leases.Add(id, Math.Max(request.TTL, options.MinimumLeaseTtl));
        lease.NotedAt = time.GetTimestamp();
        state.Batch.Append.Side.Add(lease.Row());
        state.Batch.Undo.Add(() => state.Leases.Remove(id));
        state.Batch.Published.Add(() => StartClock(lease));
        return new LeaseGrantResponse { Header = state.Header(), ID = id, TTL = lease.Ttl };
    });

    /// <inheritdoc/>
    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request)
    {
        var revoked = Submit(state =>
        {
            var lease = state.Leases.Find(request.ID) ?? throw EtcdErrors.LeaseNotFound;
            state.Begin();
            foreach (var key in lease.Keys.ToArray())
            {
                if (state.TryGet(key.Span, out var version))
                {
                    state.Delete(key.Span, version);
                }
            }

            state.End();
            state.Leases.Remove(lease.Id);
            state.Batch.Append.Side.Add(lease.Row() with { Value = null });
            state.Batch.Revoked.Add(lease);
            state.Batch.Published.Add(() => StopClock(lease.Id));
            return new LeaseRevokeResponse { Header = state.Header() };
        });
        _revoking[request.ID] = revoked;
        _ = ForgetRevoke(request.ID, revoked);
        return revoked;
    }

    /// <inheritdoc/>
    public async Task<TimeSpan?> Expire(long lease)
    {
        // A clock may be older than this writer: another one may have answered keep-alives since.
        if (State.Leases.Find(lease) is not { } entry)
        {
            return null;
        }

        var left = TimeSpan.FromSeconds(entry.Ttl) - time.GetElapsedTime(entry.NotedAt);
        if (left > ClockDifference)
        {
            return left;
        }

        try
        {
            await LeaseRevoke(new LeaseRevokeRequest { ID = lease });
        }
        catch (EtcdException error) when (error.Code == StatusCode.NotFound)
        {
            // Revoked by a client at the same moment.
        }

        return null;
    }

    /// <inheritdoc/>
    public async Task<LeaseKeepAliveResponse> NoteKeepAlive(long lease)
    {
        if (_revoking.TryGetValue(lease, out var revoked))
        {
            await revoked.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
        }

        return await Submit(state =>
        {
            var entry = state.Leases.Find(lease);
            if (entry is not null)
            {
                entry.NotedAt = time.GetTimestamp();
            }

            return new LeaseKeepAliveResponse { Header = state.Header(), ID = lease, TTL = entry?.Ttl ?? 0 };
        });
    }

    /// <inheritdoc/>
    public Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request) => Submit(state =>
    {
        var reply = new LeaseTimeToLiveResponse { Header = state.Header(), ID = request.ID, TTL = -1 };
        if (state.Leases.Find(request.ID) is { } lease)
        {
            reply.TTL = lease.Ttl;
            reply.GrantedTTL = lease.Ttl;
            if (request.Keys)
            {
                foreach (var key in lease.Keys)
                {
                    reply.Keys.Add(UnsafeByteOperations.UnsafeWrap(key));
                }
            }
        }

        return reply;
    });

    /// <inheritdoc/>
    public Task<LeaseLeasesResponse> LeaseLeases() => Submit(state =>
    {
        var reply = new LeaseLeasesResponse { Header = state.Header() };
        foreach (var lease in state.Leases.All)
        {
            reply.Leases.Add(new LeaseStatus { ID = lease.Id });
        }

        return reply;
    });

    private async Task ForgetRevoke(long lease, Task revoked)
    {
        await revoked.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
        if (_revoking.TryGetValue(lease, out var latest) && latest == revoked)
        {
            _revoking.Remove(lease);
        }
    }

    // A new writer gives every lease its whole TTL again, as etcd does at a change of leader. The sweep finds leases whose clock was lost with its process.
    private void StartClocks()
    {
        RestartClocks();
        this.RegisterGrainTimer(
            SweepClocks,
            new GrainTimerCreationOptions { DueTime = ClockSlack, Period = ClockSlack, Interleave = true, KeepAlive = true });
    }

    private void RestartClocks()
    {
        foreach (var lease in State.Leases.All)
        {
            lease.NotedAt = time.GetTimestamp();
            StartClock(lease);
        }
    }

    private Task SweepClocks(CancellationToken cancellationToken)
    {
        if (_ended is null)
        {
            foreach (var lease in State.Leases.All)
            {
                if (time.GetElapsedTime(lease.NotedAt) > TimeSpan.FromSeconds(lease.Ttl) + ClockSlack)
                {
                    lease.NotedAt = time.GetTimestamp();
                    StartClock(lease);
                }
            }
        }

        return Task.CompletedTask;
    }

    private void StartClock(LeaseEntry lease) => _ = Tell(GrainFactory.GetGrain<ILeaseGrain>(lease.Id).Start(lease.Ttl));

    private void StopClock(long lease) => _ = Tell(GrainFactory.GetGrain<ILeaseGrain>(lease).Stop());

    // A clock that could not be told is found by the sweep; a revoked lease's clock finds out by itself.
    private async Task Tell(Task told)
    {
        try
        {
            await told;
        }
        catch (Exception error)
        {
            log.LogWarning(error, "A lease's clock could not be reached");
        }
    }
}
