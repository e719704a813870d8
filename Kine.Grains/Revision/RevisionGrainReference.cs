#if !ORLEANS
using Kine.Etcd;
using Kine.Grains.Embedded;
using Kine.Grains.Index;
using Kine.Grains.Keyspace;
using Kine.Grains.Snapshots;
using Kine.Grains.Watch;

namespace Kine.Grains.Revision;

/// <summary>Calls the RevisionGrain without reflection: every request of the server passes here.</summary>
internal sealed class RevisionGrainReference(CallRoute route) : GrainReference<IRevisionGrain>(route), IRevisionGrain
{
    public Task<PublishedState> Ready() => Invoke(static (grain, _) => grain.Ready(), 0);

    public Task Prove(Guid view) => Invoke(static (grain, view) => grain.Prove(view), view);

    public Task Stop() => Invoke(static (grain, _) => grain.Stop(), 0);

    public Task<PutResponse> Put(PutRequest request) => Invoke(static (grain, request) => grain.Put(request), request);

    public Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request) => Invoke(static (grain, request) => grain.DeleteRange(request), request);

    public Task<TxnResponse> Txn(TxnRequest request) => Invoke(static (grain, request) => grain.Txn(request), request);

    public Task<CompactionResponse> Compact(CompactionRequest request) => Invoke(static (grain, request) => grain.Compact(request), request);

    public Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request) => Invoke(static (grain, request) => grain.LeaseGrant(request), request);

    public Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request) => Invoke(static (grain, request) => grain.LeaseRevoke(request), request);

    public Task<TimeSpan?> Expire(long lease) => Invoke(static (grain, lease) => grain.Expire(lease), lease);

    public Task<LeaseLeasesResponse> LeaseLeases() => Invoke(static (grain, _) => grain.LeaseLeases(), 0);

    public Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request) =>
        Invoke(static (grain, request) => grain.LeaseTimeToLive(request), request);

    public Task<LeaseKeepAliveResponse> NoteKeepAlive(long lease) => Invoke(static (grain, lease) => grain.NoteKeepAlive(lease), lease);

    public Task<AlarmResponse> Alarm(AlarmRequest request) => Invoke(static (grain, request) => grain.Alarm(request), request);

    public Task<StatusResponse> Status() => Invoke(static (grain, _) => grain.Status(), 0);

    public Task<DefragmentResponse> Defragment() => Invoke(static (grain, _) => grain.Defragment(), 0);

    public Task<HashResponse> Hash() => Invoke(static (grain, _) => grain.Hash(), 0);

    public Task<HashKVResponse> HashKV(HashKVRequest request) => Invoke(static (grain, request) => grain.HashKV(request), request);

    public Task<SnapshotPiece> ReadSnapshot(Guid reader) => Invoke(static (grain, reader) => grain.ReadSnapshot(reader), reader);

    public Task EndSnapshot(Guid reader) => Invoke(static (grain, reader) => grain.EndSnapshot(reader), reader);

    public Task<MemberListResponse> MemberList() => Invoke(static (grain, _) => grain.MemberList(), 0);

    public Task<PublishedState> Current() => Invoke(static (grain, _) => grain.Current(), 0);

    public Task<WireRangeReply> Range(RangeRequest request) => Invoke(static (grain, request) => grain.Range(request), request);

    public Task<FollowerStart> Subscribe(IEventObserver follower) => Invoke(static (grain, follower) => grain.Subscribe(follower), follower);

    public Task Unsubscribe(IEventObserver follower) => Invoke(static (grain, follower) => grain.Unsubscribe(follower), follower);

    public Task<EventBatch> Pull(long after) => Invoke(static (grain, after) => grain.Pull(after), after);

    public Task<IndexPiece> ReadIndex(byte[] prefix, long revision, byte[]? afterKey) =>
        Invoke(static (grain, asked) => grain.ReadIndex(asked.prefix, asked.revision, asked.afterKey), (prefix, revision, afterKey));
}
#endif
