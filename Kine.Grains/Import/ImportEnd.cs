using Kine.Etcd;

namespace Kine.Grains.Import;

/// <summary>What an import sets at its end, together.</summary>
/// <param name="Revision">Current revision of the store; not below the last record's.</param>
/// <param name="CompactRevision">Compaction mark, -1 = none.</param>
/// <param name="Leases">Leases as (id, granted TTL in seconds).</param>
/// <param name="Alarms">Active alarms.</param>
public sealed record ImportEnd(
    long Revision,
    long CompactRevision,
    IReadOnlyList<(long Id, long Ttl)> Leases,
    IReadOnlyList<(ulong Member, AlarmType Alarm)> Alarms);
