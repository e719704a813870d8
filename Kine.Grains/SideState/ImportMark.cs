using System.Buffers.Binary;
using System.Text;
using Kine.Backends;

namespace Kine.Grains.SideState;

/// <summary>
/// How far an import has come, kept in the store by the appends themselves: a store that has one is not whole and must not be served. The row's value is
/// count (8 bytes, big-endian), checksum (4 bytes), then the source as UTF-8.
/// </summary>
/// <param name="Source">What is imported; only the same may go on with it.</param>
/// <param name="Records">Records appended.</param>
/// <param name="Checksum">CRC-32C over them.</param>
public sealed record ImportMark(string Source, long Records, uint Checksum)
{
    private static readonly byte[] RowKey = Encoding.ASCII.GetBytes("import");

    /// <summary>The mark among the rows of side state; null when no import is unfinished.</summary>
    public static ImportMark? Find(IEnumerable<SideRow> side) => MetaRow.Find(side, RowKey) is not { } value ? null : new ImportMark(
        Encoding.UTF8.GetString(value.AsSpan(12)),
        BinaryPrimitives.ReadInt64BigEndian(value),
        BinaryPrimitives.ReadUInt32BigEndian(value.AsSpan(8)));

    /// <summary>The row that takes the mark away.</summary>
    internal static SideRow Removal => new(SideKind.Meta, RowKey, null);

    /// <summary>The row that keeps it.</summary>
    internal SideRow Row()
    {
        var value = new byte[12 + Encoding.UTF8.GetByteCount(Source)];
        BinaryPrimitives.WriteInt64BigEndian(value, Records);
        BinaryPrimitives.WriteUInt32BigEndian(value.AsSpan(8), Checksum);
        Encoding.UTF8.GetBytes(Source, value.AsSpan(12));
        return new SideRow(SideKind.Meta, RowKey, value);
    }
}
