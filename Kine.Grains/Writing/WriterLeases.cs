using System.Security.Cryptography;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Lease;

namespace Kine.Grains.Writing;

/// <summary>Which leases exist and what is attached to them, decided in revision order.</summary>
internal sealed class WriterLeases(WriteLoop loop, ILeaseClocks clocks, WriterOptions options, TimeProvider time)
{
    private const long MaxLeaseTtl = 9_000_000_000; // seconds
    private static readonly TimeSpan ClockDifference = TimeSpan.FromMilliseconds(100); // of two processes over one TTL
    private static readonly TimeSpan ClockSlack = TimeSpan.FromSeconds(5);
    private readonly Dictionary<long, Task> _revoking = [];

    /// <summary>etcd v3 API, Lease.LeaseGrant.</summary>
    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request) => loop.Submit(state =>
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
        state.Batch.Published.Add(() => clocks.Start(lease.Id, lease.Ttl));
        return new LeaseGrantResponse { Header = state.Header(), ID = id, TTL = lease.Ttl };
    });

    /// <summary>etcd v3 API, Lease.LeaseRevoke.</summary>
    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request)
    {
        var revoked = loop.Submit(state =>
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
            state.Batch.Published.Add(() => clocks.Stop(lease.Id));
            return new LeaseRevokeResponse { Header = state.Header() };
        });
        lock (_revoking)
        {
            _revoking[request.ID] = revoked;
        }

        _ = ForgetRevoke(request.ID, revoked);
        return revoked;
    }

    /// <summary>Revokes a lease whose clock has run out, unless it was renewed since. Returns how long it still has to live, or null when it is gone.</summary>
    public async Task<TimeSpan?> Expire(long lease)
    {
        // A clock may be older than this writer: another one may have answered keep-alives since.
        var left = await loop.Call(state => Left(state.Leases.Find(lease)));
        if (left is null || left > ClockDifference)
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

    /// <summary>Notes that a lease's clock starts anew. The reply's TTL is the granted one, 0 when there is no such lease.</summary>
    public async Task<LeaseKeepAliveResponse> NoteKeepAlive(long lease)
    {
        Task? revoked;
        lock (_revoking)
        {
            _revoking.TryGetValue(lease, out revoked);
        }

        if (revoked is not null)
        {
            await revoked.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
        }

        return await loop.Submit(state =>
        {
            var entry = state.Leases.Find(lease);
            if (entry is not null)
            {
                entry.NotedAt = time.GetTimestamp();
            }

            return new LeaseKeepAliveResponse { Header = state.Header(), ID = lease, TTL = entry?.Ttl ?? 0 };
        });
    }

    /// <summary>etcd v3 API, Lease.LeaseTimeToLive without the time left: TTL is the granted one, -1 when there is no such lease.</summary>
    public Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request) => loop.Submit(state =>
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

    /// <summary>etcd v3 API, Lease.LeaseLeases.</summary>
    public Task<LeaseLeasesResponse> LeaseLeases() => loop.Submit(state =>
    {
        var reply = new LeaseLeasesResponse { Header = state.Header() };
        foreach (var lease in state.Leases.All)
        {
            reply.Leases.Add(new LeaseStatus { ID = lease.Id });
        }

        return reply;
    });

    /// <summary>Gives every lease its whole TTL again, as etcd does at a change of leader. Runs in the loop, or before it begins.</summary>
    public void RestartClocks(WriteState state)
    {
        foreach (var lease in state.Leases.All)
        {
            lease.NotedAt = time.GetTimestamp();
            clocks.Start(lease.Id, lease.Ttl);
        }
    }

    /// <summary>Finds leases whose clock was lost with its process, until the writer ends.</summary>
    public async Task SweepClocks(CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            await Task.Delay(ClockSlack, time, ended)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            await ((Task)loop.Call(SweepClocks)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
    }

    private bool SweepClocks(WriteState state)
    {
        foreach (var lease in state.Leases.All)
        {
            if (time.GetElapsedTime(lease.NotedAt) > TimeSpan.FromSeconds(lease.Ttl) + ClockSlack)
            {
                lease.NotedAt = time.GetTimestamp();
                clocks.Start(lease.Id, lease.Ttl);
            }
        }

        return true;
    }

    private TimeSpan? Left(LeaseEntry? lease) => lease is null ? null : TimeSpan.FromSeconds(lease.Ttl) - time.GetElapsedTime(lease.NotedAt);

    private async Task ForgetRevoke(long lease, Task revoked)
    {
        await revoked.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Current);
        lock (_revoking)
        {
            if (_revoking.TryGetValue(lease, out var latest) && latest == revoked)
            {
                _revoking.Remove(lease);
            }
        }
    }
}
