using Kine.Etcd;

namespace Kine.Grains.Snapshots;

/// <summary>What a snapshot file holds beside its records.</summary>
/// <param name="Revision">Current revision of a server started on it; 1 when there is nothing in it.</param>
/// <param name="CompactRevision">Compaction mark, -1 = none. An interrupted compaction counts: etcd finishes it at its start.</param>
/// <param name="StorageVersion">Such as 3.6.0; empty from etcd 3.5 and before.</param>
/// <param name="AuthEnabled">True when users have to log in.</param>
/// <param name="Leases">Leases as (id, granted TTL in seconds).</param>
/// <param name="Alarms">Active alarms.</param>
public sealed record SnapshotContents(
    long Revision,
    long CompactRevision,
    string StorageVersion,
    bool AuthEnabled,
    IReadOnlyList<(long Id, long Ttl)> Leases,
    IReadOnlyList<(ulong Member, AlarmType Alarm)> Alarms);
