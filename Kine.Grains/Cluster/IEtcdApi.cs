using Kine.Etcd;
using Kine.Grains.Reads;
using Kine.Grains.Watch;

namespace Kine.Grains.Cluster;

/// <summary>
/// What the gRPC front end calls: etcd's KV, Lease, Maintenance and Cluster services on this process's way to the grains. Errors are
/// <see cref="EtcdException"/>; a cancelled call throws <see cref="OperationCanceledException"/>, and its write may still happen.
/// </summary>
public interface IEtcdApi
{
    /// <summary>This process's watches.</summary>
    WatchHub Watches { get; }

    /// <summary>A header with cluster id, member id, term and the current revision as known here, without asking anybody.</summary>
    ResponseHeader Header();

    /// <summary>etcd v3 API, KV.Range.</summary>
    ValueTask<RangeReply> Range(RangeRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, KV.RangeStream: as Range, at a pinned revision, in chunks sized by etcd's rule.</summary>
    IAsyncEnumerable<RangeStreamResponse> RangeStream(RangeRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, KV.Put.</summary>
    Task<PutResponse> Put(PutRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, KV.DeleteRange.</summary>
    Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, KV.Txn. Dispose of the reply.</summary>
    Task<TxnReply> Txn(TxnRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, KV.Compact.</summary>
    Task<CompactionResponse> Compact(CompactionRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Lease.LeaseGrant.</summary>
    Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Lease.LeaseRevoke.</summary>
    Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request, CancellationToken cancellationToken);

    /// <summary>One message of etcd v3 API, Lease.LeaseKeepAlive.</summary>
    Task<LeaseKeepAliveResponse> LeaseKeepAlive(LeaseKeepAliveRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Lease.LeaseTimeToLive.</summary>
    Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Lease.LeaseLeases.</summary>
    Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Maintenance.Alarm.</summary>
    Task<AlarmResponse> Alarm(AlarmRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Maintenance.Status.</summary>
    Task<StatusResponse> Status(StatusRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Maintenance.Defragment.</summary>
    Task<DefragmentResponse> Defragment(DefragmentRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Maintenance.Hash.</summary>
    Task<HashResponse> Hash(HashRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Maintenance.HashKV.</summary>
    Task<HashKVResponse> HashKV(HashKVRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Maintenance.Snapshot: an etcd snapshot file in pieces, at one revision, and last the sha256 of it.</summary>
    IAsyncEnumerable<SnapshotResponse> Snapshot(SnapshotRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Maintenance.MoveLeader: another process becomes the writer. Asked of the one that is.</summary>
    Task<MoveLeaderResponse> MoveLeader(MoveLeaderRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Cluster.MemberList.</summary>
    Task<MemberListResponse> MemberList(MemberListRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, Auth.AuthStatus: always disabled.</summary>
    Task<AuthStatusResponse> AuthStatus(AuthStatusRequest request, CancellationToken cancellationToken);
}
