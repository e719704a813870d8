using System.Security.Cryptography;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.SideState;

namespace Kine.Grains.Writing;

/// <summary>
/// Which leases exist and what is attached to them, decided in revision order. Time is not known here: each grant and each keep-alive begins a new
/// <see cref="LeaseRun"/>, and only the newest run of a lease can expire it.
/// </summary>
internal sealed class WriterLeases(WriteLoop loop, ReadProof proof, ILeaseClocks clocks, WriterOptions options)
{
    private const long MaxLeaseTtl = 9_000_000_000; // seconds
    private volatile int _restarts; // that the loop has still to make
    private long _runs; // the loop's alone

    /// <summary>etcd v3 API, Lease.LeaseGrant.</summary>
    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request) => loop.Submit(state =>
    {
        if (request.TTL > MaxLeaseTtl)
            throw EtcdErrors.LeaseTtlTooLarge;

        state.CheckSpace(0);
        var id = request.ID;
        while (id == 0)
        {
            var picked = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)) & long.MaxValue;
            id = state.Leases.Find(picked) is null ? picked : 0;
        }

        if (state.Leases.Find(id) is not null)
            throw EtcdErrors.LeaseExists;

        var run = NextRun(state, id, Math.Max(request.TTL, options.MinimumLeaseTtl));
        state.Leases.Add(run);
        state.Batch.Append.Side.Add(LeaseRow.Of(id, run.Ttl));
        state.Batch.Undo.Add(() => state.Leases.Remove(id));
        ApplyWhenPublished(state.Batch, run);
        return new LeaseGrantResponse { Header = state.Header(), ID = id, TTL = run.Ttl };
    });

    /// <summary>etcd v3 API, Lease.LeaseRevoke.</summary>
    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request) => loop.Submit(state =>
    {
        Revoke(state, state.Leases.Find(request.ID) ?? throw EtcdErrors.LeaseNotFound);
        return new LeaseRevokeResponse { Header = state.Header() };
    });

    /// <summary>Revokes the leases whose newest run is among these, which are due. Returns the newest run of each.</summary>
    public Task<LeaseRun[]> Expire(LeaseRun[] due) => Task.WhenAll(due.Select(Expire));

    /// <summary>Begins a new run of each lease.</summary>
    public Task<LeaseRenewals> Renew(long[] leases) => loop.Submit(state =>
        new LeaseRenewals(state.Header(), Array.ConvertAll(leases, lease => state.Leases.Find(lease) is { } entry ? Renew(state, entry) : NextRun(state, lease, 0))));

    /// <summary>Notes what is left of each lease whose newest run is among these, for the writer after this one.</summary>
    public Task Checkpoint(LeaseLeft[] left) => loop.Submit(state =>
    {
        foreach (var (run, seconds) in left)
        {
            if (state.Leases.Find(run.Id) is { } lease && lease.Run == run && !state.Quota.StoreIsFull)
                Note(state, lease, seconds);
        }

        return state.Header();
    });

    /// <summary>The newest runs of a share's leases.</summary>
    public Task<LeaseRun[]> Runs(int share) => loop.Call(state =>
        state.Leases.All.Where(lease => LeaseRun.ShareOf(lease.Id) == share).Select(lease => lease.Run).ToArray());

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
                    reply.Keys.Add(UnsafeByteOperations.UnsafeWrap(key));
            }
        }

        return reply;
    });

    /// <summary>etcd v3 API, Lease.LeaseLeases.</summary>
    public Task<LeaseLeasesResponse> LeaseLeases() => loop.Submit(state =>
    {
        var reply = new LeaseLeasesResponse { Header = state.Header() };
        foreach (var lease in state.Leases.All)
            reply.Leases.Add(new LeaseStatus { ID = lease.Id });

        return reply;
    });

    /// <summary>
    /// Gives every lease its whole TTL again, or what was left of it when that was last noted, as etcd does at a change of leader. Runs in the loop, or before it begins.
    /// </summary>
    public void Restart(WriteState state)
    {
        foreach (var lease in state.Leases.All)
            lease.Run = NextRun(state, lease.Id, lease.Ttl, lease.Checkpoint);

        clocks.Restart();
    }

    /// <summary>
    /// The same, when nobody's keep-alives were answered for a while. Called before the proof holds again: from here on
    /// nothing expires until it is done.
    /// </summary>
    public async Task RestartInLoop()
    {
        Interlocked.Increment(ref _restarts);
        await ((Task)loop.Call(state =>
        {
            Restart(state);
            return Interlocked.Decrement(ref _restarts);
        })).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    // Submit refuses by throwing: as a failed task here, so that none of the others is left alone.
    private async Task<LeaseRun> Expire(LeaseRun due) => await loop.Submit(state =>
    {
        if (!proof.IsValid || _restarts > 0)
            throw EtcdErrors.TimedOut;

        var lease = state.Leases.Find(due.Id);
        return lease is null ? NextRun(state, due.Id, 0) : lease.Run == due ? Revoke(state, lease) : lease.Run;
    });

    private LeaseRun Revoke(WriteState state, LeaseEntry lease)
    {
        state.Begin();
        foreach (var key in lease.Keys.ToArray())
        {
            if (state.TryGet(key.Span, out var version))
                state.Delete(key.Span, version);
        }

        state.End();
        state.Leases.Remove(lease.Id);
        state.Batch.Append.Side.Add(LeaseRow.Of(lease.Id, lease.Ttl) with { Value = null });
        state.Batch.Undo.Add(() => state.Leases.Restore(lease));
        var gone = NextRun(state, lease.Id, 0);
        ApplyWhenPublished(state.Batch, gone);
        return gone;
    }

    // What was noted holds no longer: it has to be gone from the store before the keep-alive is answered, or has to wait until there is room for that.
    private LeaseRun Renew(WriteState state, LeaseEntry lease)
    {
        if (lease.Checkpoint > 0 && !state.Quota.StoreIsFull)
            Note(state, lease, 0);

        return lease.Run = NextRun(state, lease.Id, lease.Ttl);
    }

    private static void Note(WriteState state, LeaseEntry lease, long left)
    {
        var before = lease.Checkpoint;
        lease.Checkpoint = left;
        state.Batch.Append.Side.Add(LeaseRow.Of(lease.Id, lease.Ttl, left));
        state.Batch.Undo.Add(() => lease.Checkpoint = before);
    }

    private LeaseRun NextRun(WriteState state, long lease, long ttl, long checkpoint = 0) => new(lease, ttl, state.Term, ++_runs, checkpoint);

    // One call a batch, not one a lease.
    private void ApplyWhenPublished(WriteBatch batch, LeaseRun run)
    {
        if (batch.LeaseRuns.Count == 0)
            batch.Published.Add(() => clocks.Apply([.. batch.LeaseRuns]));

        batch.LeaseRuns.Add(run);
    }
}
