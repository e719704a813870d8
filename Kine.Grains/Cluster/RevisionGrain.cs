using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.Import;
using Kine.Grains.Reads;
using Kine.Grains.Snapshots;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Microsoft.Extensions.Logging;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Kine.Grains.Cluster;

/// <summary>Gives the <see cref="Writer"/> a name in the cluster and its turns.</summary>
[Reentrant, KeepAlive, PreferLocalPlacement]
public sealed class RevisionGrain(
    ProcessState local,
    Candidacy candidacy,
    WatchHub hub,
    IEventHistory history,
    IGrainFactory grains,
    WriterOptions options,
    TimeProvider time,
    ILogger<RevisionGrain> log,
    IClusterMembers? members = null) : Grain, IRevisionGrain, IGrainMigrationParticipant
{
    /// <summary>The one key this grain is used with.</summary>
    public const string Key = "kine";

    private const int PullEvents = 2000;
    private const long PullBytes = 2 << 20;

    private readonly Writer _writer = new(local, candidacy, hub, new LeaseGrainClocks(grains, time, log), options, time, log);
    private readonly FollowerOutbox _followers = new(time, log);
    private SnapshotServer? _snapshots;

    private KeyspaceView View => local.Writer ?? throw EtcdErrors.NoLeader;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        await Task.Yield(); // see LeaseGrain
        _writer.Loop.Published = _followers.Send;
        try
        {
            await _writer.Start(MoveIn, cancellationToken);
            _ = DeactivateWithWriter();
        }
        catch (Exception error) when (error is EtcdException or StoreRefusedException or ImportException)
        {
            // The same as to throw, but for an error in the log, and for the next activation, which would be kept away for seconds. All who wait get the reason.
            GrainContext.Deactivate(new DeactivationReason(DeactivationReasonCode.ActivationFailed, error, "The store let no writer in."), CancellationToken.None);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            log.LogError(error, "The writer could not begin"); // those who wait are only told that it did not answer
            throw;
        }
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => _writer.Stop();

    public Task Stop() => Leave(members?.Other());

    public Task MoveTo(ulong member) => Leave(members?.Other(member) ?? throw EtcdErrors.BadLeaderTransferee);

    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
    }

    public void OnRehydrate(IRehydrationContext rehydrationContext) => candidacy.LookAgain(); // who was the writer has left the store

    public Task<PublishedState> Ready() => Task.FromResult(View.State);

    public Task Prove(Guid view) => _writer.Prove(view);

    public Task<PutResponse> Put(PutRequest request) => _writer.Put(request, CancellationToken.None);

    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request) => _writer.DeleteRange(request, CancellationToken.None);

    public async Task<TxnResponse> Txn(TxnRequest request)
    {
        var view = View;
        using var reply = await _writer.Txn(request, CancellationToken.None);
        if (reply.Late.Count > 0)
            await Task.Run(() => reply.Join(view, CancellationToken.None)); // not in the writer's turns

        return reply.Response;
    }

    public Task<CompactionResponse> Compact(CompactionRequest request) => _writer.Compaction.Compact(request);

    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request) => _writer.Leases.LeaseGrant(request);

    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request) => _writer.Leases.LeaseRevoke(request);

    public Task<LeaseRun[]> ExpireLeases(LeaseRun[] due) => _writer.Leases.Expire(due);

    public Task<LeaseRenewals> RenewLeases(long[] leases) => _writer.Leases.Renew(leases);

    public Task CheckpointLeases(LeaseLeft[] left) => _writer.Leases.Checkpoint(left);

    public Task<LeaseRun[]> LeaseRuns(int share) => _writer.Leases.Runs(share);

    public Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request) => _writer.Leases.LeaseTimeToLive(request);

    public Task<LeaseLeasesResponse> LeaseLeases() => _writer.Leases.LeaseLeases();

    public Task<AlarmResponse> Alarm(AlarmRequest request) => _writer.Maintenance.Alarm(request);

    public Task<StatusResponse> Status() => _writer.Maintenance.Status();

    public Task<DefragmentResponse> Defragment() => _writer.Maintenance.Defragment();

    public Task<HashResponse> Hash() => _writer.Maintenance.Hash();

    public Task<HashKVResponse> HashKV(HashKVRequest request) => _writer.Maintenance.HashKV(request);

    public Task<MemberListResponse> MemberList() => _writer.Maintenance.MemberList();

    public Task<SnapshotPiece> ReadSnapshot(Guid reader) =>
        (_snapshots ??= new SnapshotServer(_writer, local, options, time, log)).Read(reader);

    public Task EndSnapshot(Guid reader)
    {
        _snapshots?.End(reader);
        return Task.CompletedTask;
    }

    public async Task<PublishedState> Current()
    {
        var view = View;
        var state = view.State;
        await _writer.Prove(view.Id);
        return state;
    }

    public Task<FollowerStart> Subscribe(IEventObserver follower)
    {
        _followers.Add(follower);
        return Task.FromResult(new FollowerStart(View.State, local.Identity));
    }

    public async Task<EventBatch> Pull(long after)
    {
        var state = View.State;
        if (after >= state.Revision)
            return new EventBatch(after, after, state.CompactRevision, []);

        var page = await history.ReadEvents(after + 1, state.Revision, PullEvents, PullBytes, CancellationToken.None);
        state = View.State;
        return after < state.CompactRevision - 1
            ? throw EtcdErrors.Compacted
            : new EventBatch(after, page.Through, state.CompactRevision, page.Events);
    }

    // What is asked of the writer from now on waits for the next one, rather than for the others to find out that nobody is here any more.
    private async Task Leave(SiloAddress? next)
    {
        if (next is null)
        {
            await _writer.Stop();
            DeactivateOnIdle();
            return;
        }

        RequestContext.Set(IPlacementDirector.PlacementHintKey, next);
        MigrateOnIdle();
        RequestContext.Remove(IPlacementDirector.PlacementHintKey);
        await _writer.Stop();
    }

    private Task<Fence> MoveIn(Fence fence, CancellationToken cancellationToken) =>
        UpstreamImport.Run(local.Store, fence, log, time, cancellationToken);

    // The next call finds a new activation, which loads what the store holds.
    private async Task DeactivateWithWriter()
    {
        await _writer.Failed;
        DeactivateOnIdle();
    }
}
