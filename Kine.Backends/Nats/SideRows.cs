using System.Buffers;
using System.Text;

namespace Kine.Backends.Nats;

/// <summary>The current rows of side state, and how changes of them are written. Safe for concurrent use.</summary>
internal sealed class SideRows
{
    /// <summary>Bytes that a row takes beside key and value, at most.</summary>
    public const int Frame = 16;

    // Added to the kind. Stored: never change it.
    private const int Beginning = 0x100;

    private readonly Lock _lock = new();
    private readonly ArrayBufferWriter<byte> _begun = new(1);
    private readonly Dictionary<(SideKind Kind, string Key), SideRow> _rows = [];

    /// <summary>A copy of all rows.</summary>
    public List<SideRow> All()
    {
        lock (_lock)
        {
            return [.. _rows.Values];
        }
    }

    /// <summary>Puts or deletes a row, or notes the beginning of one whose rest is in the next.</summary>
    public void Apply(SideRow row)
    {
        if (((int)row.Kind & Beginning) != 0)
        {
            _begun.Write(row.Value);
            return;
        }
        if (_begun.WrittenCount > 0)
        {
            _begun.Write(row.Value);
            row = row with { Value = _begun.WrittenSpan.ToArray() };
            _begun.Clear();
        }
        (SideKind, string) name = (row.Kind, Encoding.Latin1.GetString(row.Key));
        lock (_lock)
        {
            if (row.Value is null)
                _rows.Remove(name);
            else
                _rows[name] = row;
        }
    }

    /// <summary>Writes the next piece of the value of a row that is too large for one message; <see cref="Write"/> writes the last.</summary>
    public static void WriteBeginning(ByteWriter writer, SideRow row, ReadOnlySpan<byte> piece)
    {
        writer.Varint((ulong)row.Kind | Beginning);
        writer.Block(row.Key);
        writer.Varint((ulong)piece.Length + 1);
        writer.Bytes(piece);
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
        var key = reader.Block().ToArray();
        var length = reader.Count();
        return new SideRow(kind, key, length == 0 ? null : reader.Bytes(length - 1).ToArray());
    }
}
