using System.Buffers.Binary;
using Kine.Backends;

namespace Kine.Grains.SideState;

/// <summary>
/// A lease as side state: id and granted TTL in seconds, 8 bytes each, big-endian; behind the TTL, where that was noted, what was left of it (etcd's lease checkpoint).
/// </summary>
internal static class LeaseRow
{
    /// <summary>The row that keeps a lease.</summary>
    public static SideRow Of(long id, long ttl, long left = 0) =>
        new(SideKind.Lease, MetaRow.BigEndian(id), left > 0 ? [.. MetaRow.BigEndian(ttl), .. MetaRow.BigEndian(left)] : MetaRow.BigEndian(ttl));

    /// <summary>What was left of the lease that a row keeps; 0 where that was not noted.</summary>
    public static long Left(SideRow row) => row.Value is { Length: 16 } value ? BinaryPrimitives.ReadInt64BigEndian(value.AsSpan(8)) : 0;

    /// <summary>The lease that a row keeps.</summary>
    public static (long Id, long Ttl) Read(SideRow row) => (BinaryPrimitives.ReadInt64BigEndian(row.Key), BinaryPrimitives.ReadInt64BigEndian(row.Value));
}
