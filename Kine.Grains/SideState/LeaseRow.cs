using System.Buffers.Binary;
using Kine.Backends;

namespace Kine.Grains.SideState;

/// <summary>A lease as side state: id and granted TTL in seconds, 8 bytes each, big-endian.</summary>
internal static class LeaseRow
{
    /// <summary>The row that keeps a lease.</summary>
    public static SideRow Of(long id, long ttl) => new(SideKind.Lease, MetaRow.BigEndian(id), MetaRow.BigEndian(ttl));

    /// <summary>The lease that a row keeps.</summary>
    public static (long Id, long Ttl) Read(SideRow row) => (BinaryPrimitives.ReadInt64BigEndian(row.Key), BinaryPrimitives.ReadInt64BigEndian(row.Value));
}
