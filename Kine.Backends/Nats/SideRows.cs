using System.Text;

namespace Kine.Backends.Nats;

/// <summary>The current rows of side state, and how changes of them are written. Safe for concurrent use.</summary>
internal sealed class SideRows
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(SideKind Kind, string Key), SideRow> _rows = [];

    /// <summary>A copy of all rows.</summary>
    public List<SideRow> All()
    {
        lock (_lock)
            return [.. _rows.Values];
    }

    /// <summary>Puts or deletes a row.</summary>
    public void Apply(SideRow row)
    {
        (SideKind, string) name = (row.Kind, Encoding.Latin1.GetString(row.Key));
        lock (_lock)
        {
            if (row.Value is null)
                _rows.Remove(name);
            else
                _rows[name] = row;
        }
    }

    /// <summary>Writes one row: kind, key, 0 for a deletion, or value length + 1 and value.</summary>
    public static void Write(ByteWriter writer, SideRow row)
    {
        writer.Varint((ulong)row.Kind);
        writer.Block(row.Key);
        writer.Varint(row.Value is null ? 0 : (ulong)row.Value.Length + 1);
        writer.Bytes(row.Value);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static SideRow Read(ref ByteReader reader)
    {
        var kind = (SideKind)reader.Count();
        byte[] key = reader.Block().ToArray();
        int length = reader.Count();
        return new SideRow(kind, key, length == 0 ? null : reader.Bytes(length - 1).ToArray());
    }
}
