using Kine.Etcd;
using Kine.Grains.Reads;
using Kine.Grains.Snapshots;
using Kine.Grains.Watch;
using Kine.Grains.Writing;

namespace Kine.Grains.Cluster;

/// <summary>
/// The single writer, one activation under the key <see cref="RevisionGrain.Key"/>: every change of the keyspace, of leases and of alarms goes through it, and
/// followers in other processes learn from it. Replies are etcd's, with full headers; errors are <see cref="EtcdException"/>.
/// </summary>
public interface IRevisionGrain : IGrainWithStringKey
{
    /// <summary>Makes sure that the writer is loaded; returns what is published.</summary>
    Task<PublishedState> Ready();

    /// <summary>
    /// Completes once it is certain that no other writer had taken over when this was called, and that the writer is the one of the
    /// <see cref="KeyspaceView"/> with that id; Unavailable when it is not, or that cannot be shown in time.
    /// </summary>
    Task Prove(Guid view);

    /// <summary>Drains what is waiting, answers no new writes, and releases the store.</summary>
    Task Stop();

    /// <summary>The same for the benefit of a member, which becomes the writer.</summary>
    Task MoveTo(ulong member);

    /// <summary>etcd v3 API, KV.Put.</summary>
    Task<PutResponse> Put([Immutable] PutRequest request);

    /// <summary>etcd v3 API, KV.DeleteRange.</summary>
    Task<DeleteRangeResponse> DeleteRange([Immutable] DeleteRangeRequest request);

    /// <summary>etcd v3 API, KV.Txn.</summary>
    Task<TxnResponse> Txn([Immutable] TxnRequest request);

    /// <summary>etcd v3 API, KV.Compact.</summary>
    Task<CompactionResponse> Compact([Immutable] CompactionRequest request);

    /// <summary>etcd v3 API, Lease.LeaseGrant.</summary>
    Task<LeaseGrantResponse> LeaseGrant([Immutable] LeaseGrantRequest request);

    /// <summary>Revokes the leases whose newest run is among these, which are due. Returns the newest run of each, in the same order.</summary>
    Task<LeaseRun[]> ExpireLeases([Immutable] LeaseRun[] due);

    /// <summary>Begins a new run of each lease, under the proof.</summary>
    Task<LeaseRenewals> RenewLeases([Immutable] long[] leases);

    /// <summary>Notes what is left of each lease whose newest run is among these, for the writer after this one.</summary>
    Task CheckpointLeases([Immutable] LeaseLeft[] left);

    /// <summary>The newest runs of the leases of one share.</summary>
    Task<LeaseRun[]> LeaseRuns(int share);

    /// <summary>etcd v3 API, Lease.LeaseRevoke.</summary>
    Task<LeaseRevokeResponse> LeaseRevoke([Immutable] LeaseRevokeRequest request);

    /// <summary>etcd v3 API, Lease.LeaseLeases.</summary>
    Task<LeaseLeasesResponse> LeaseLeases();

    /// <summary>etcd v3 API, Lease.LeaseTimeToLive without the time left, which the LeaseGrain knows: TTL is the granted one, -1 when there is no such lease.</summary>
    Task<LeaseTimeToLiveResponse> LeaseTimeToLive([Immutable] LeaseTimeToLiveRequest request);

    /// <summary>etcd v3 API, Maintenance.Alarm.</summary>
    Task<AlarmResponse> Alarm([Immutable] AlarmRequest request);

    /// <summary>etcd v3 API, Maintenance.Status.</summary>
    Task<StatusResponse> Status();

    /// <summary>etcd v3 API, Maintenance.Defragment.</summary>
    Task<DefragmentResponse> Defragment();

    /// <summary>etcd v3 API, Maintenance.Hash.</summary>
    Task<HashResponse> Hash();

    /// <summary>etcd v3 API, Maintenance.HashKV.</summary>
    Task<HashKVResponse> HashKV([Immutable] HashKVRequest request);

    /// <summary>
    /// The next piece of a snapshot file for the reader of that id; the first call takes the snapshot. The last piece has nothing remaining. One call at
    /// a time for each reader.
    /// </summary>
    Task<SnapshotPiece> ReadSnapshot(Guid reader);

    /// <summary>Ends a snapshot that its reader does not read to the end.</summary>
    Task EndSnapshot(Guid reader);

    /// <summary>etcd v3 API, Cluster.MemberList.</summary>
    Task<MemberListResponse> MemberList();

    /// <summary>What is published, once the writer has proof that it still is the writer: the linearization point of a read elsewhere.</summary>
    Task<PublishedState> Current();

    /// <summary>Starts sending event batches to a follower; returns what was published then. Messages may get lost: followers pull what is missing.</summary>
    /// <remarks>It is asked again and again: an answer that is lost must not hold that up.</remarks>
    [ResponseTimeout("00:00:05")]
    Task<FollowerStart> Subscribe(IEventObserver follower);

    /// <summary>
    /// Whole revisions after <paramref name="after"/> as one batch that joins on to it, up to what is published; compacted when they are gone.
    /// </summary>
    [ResponseTimeout("00:00:10")]
    Task<EventBatch> Pull(long after);
}

/// <summary>Gets event batches from the writer as they are published.</summary>
public interface IEventObserver : IGrainObserver
{
    /// <summary>The next batch, in no promised order and perhaps not at all.</summary>
    void Apply([Immutable] EventBatch batch);
}
