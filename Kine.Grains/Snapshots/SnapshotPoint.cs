using Kine.Etcd;
using Kine.Grains.Reads;

namespace Kine.Grains.Snapshots;

/// <summary>The moment a snapshot shows: everything of it was true together, at one revision.</summary>
internal sealed class SnapshotPoint : IDisposable
{
    /// <summary>Revision of the snapshot.</summary>
    public required long Revision { get; init; }

    /// <summary>The compaction mark, -1 before any compaction.</summary>
    public required long CompactRevision { get; init; }

    /// <summary>Epoch of the writer, in the place of etcd's raft term.</summary>
    public required ulong Term { get; init; }

    /// <summary>Ids of the cluster and its one member.</summary>
    public required ClusterIdentity Identity { get; init; }

    /// <summary>Address for clients, as MemberList has it.</summary>
    public required string ClientUrl { get; init; }

    /// <summary>Storage version of the emulated etcd, such as 3.6.0; empty below 3.6.</summary>
    public required string StorageVersion { get; init; }

    /// <summary>Leases as (id, granted TTL in seconds), in any order.</summary>
    public required IReadOnlyList<(long Id, long Ttl)> Leases { get; init; }

    /// <summary>Active alarms.</summary>
    public required IReadOnlyList<(ulong Member, AlarmType Alarm)> Alarms { get; init; }

    /// <summary>Keeps compaction from what the snapshot has yet to read.</summary>
    public required CompactionPin Pin { get; init; }

    public void Dispose() => Pin.Dispose();
}
