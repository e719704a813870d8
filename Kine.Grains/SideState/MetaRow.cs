using System.Buffers.Binary;
using System.Text;
using Kine.Backends;

namespace Kine.Grains.SideState;

/// <summary>Keys of single values in the side state; each value is 8 bytes, big-endian. They are stored: never rename.</summary>
internal static class MetaRow
{
    /// <summary>The compaction mark.</summary>
    public static readonly byte[] CompactRevision = Encoding.ASCII.GetBytes("compact_revision");

    /// <summary>etcd's cluster id.</summary>
    public static readonly byte[] ClusterId = Encoding.ASCII.GetBytes("cluster_id");

    /// <summary>etcd's member id.</summary>
    public static readonly byte[] MemberId = Encoding.ASCII.GetBytes("member_id");

    /// <summary>Last id of upstream kine's table when it was imported.</summary>
    public static readonly byte[] UpstreamId = Encoding.ASCII.GetBytes("upstream_id");

    /// <summary>The row that keeps a value.</summary>
    public static SideRow Of(byte[] name, long value) => new(SideKind.Meta, name, BigEndian(value));

    /// <summary>The value of that name among the rows of side state; null when there is none.</summary>
    public static long? Read(IEnumerable<SideRow> side, byte[] name) =>
        Find(side, name) is { } value ? BinaryPrimitives.ReadInt64BigEndian(value) : null;

    /// <summary>The same as it is stored.</summary>
    public static byte[]? Find(IEnumerable<SideRow> side, byte[] name) =>
        side.FirstOrDefault(row => row.Kind == SideKind.Meta && row.Key.AsSpan().SequenceEqual(name)).Value;

    /// <summary>A number as 8 bytes.</summary>
    internal static byte[] BigEndian(long number)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        return bytes;
    }
}
