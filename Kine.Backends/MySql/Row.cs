using System.Buffers.Text;

namespace Kine.Backends.MySql;

/// <summary>Called once for each row of a result; the row is only valid during the call.</summary>
internal delegate void RowVisitor(Row row);

/// <summary>One row in the text protocol, columns from 0.</summary>
internal readonly unsafe ref struct Row(byte** columns, nuint* lengths)
{
    /// <summary>True for an SQL NULL.</summary>
    public bool IsNull(int column) => columns[column] is null;

    /// <summary>Bytes of a column, empty for NULL.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => new(columns[column], checked((int)lengths[column]));

    /// <summary>Integer column, 0 for NULL.</summary>
    public long Long(int column)
    {
        var text = Bytes(column);
        if (text.IsEmpty)
        {
            return 0;
        }

        return Utf8Parser.TryParse(text, out long value, out var used) && used == text.Length
            ? value
            : throw new FormatException($"column {column} is no 64-bit integer");
    }

    /// <summary>Text column.</summary>
    public string Text(int column) => System.Text.Encoding.UTF8.GetString(Bytes(column));
}
