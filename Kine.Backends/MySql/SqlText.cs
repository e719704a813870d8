using System.Buffers.Text;
using System.Text;

namespace Kine.Backends.MySql;

/// <summary>
/// Builds the text of one packet in a buffer that is used again. Bytes go in as hexadecimal literals: they mean the same under every character set and
/// SQL mode, and nothing in them can end the literal.
/// </summary>
internal sealed class SqlText
{
    private const int KeptBytes = 8 << 20;
    private byte[] _buffer = new byte[64 << 10];

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    /// <summary>The text so far, valid until the next call.</summary>
    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    /// <summary>Starts anew.</summary>
    public SqlText Clear()
    {
        Length = 0;
        if (_buffer.Length > KeptBytes)
        {
            _buffer = new byte[64 << 10];
        }

        return this;
    }

    /// <summary>Adds SQL.</summary>
    public SqlText Add(ReadOnlySpan<byte> utf8)
    {
        utf8.CopyTo(Room(utf8.Length));
        Length += utf8.Length;
        return this;
    }

    /// <summary>Adds a character of SQL.</summary>
    public SqlText Add(char ascii)
    {
        Room(1)[0] = (byte)ascii;
        Length++;
        return this;
    }

    /// <summary>Adds a number.</summary>
    public SqlText Add(long value)
    {
        Utf8Formatter.TryFormat(value, Room(20), out var written);
        Length += written;
        return this;
    }

    /// <summary>Adds bytes as a binary literal.</summary>
    public SqlText Literal(ReadOnlySpan<byte> bytes)
    {
        var room = Room((2 * bytes.Length) + 3);
        room[0] = (byte)'x';
        room[1] = (byte)'\'';
        Convert.TryToHexString(bytes, room[2..], out var written);
        room[2 + written] = (byte)'\'';
        Length += written + 3;
        return this;
    }

    /// <summary>Adds an id as its 16 bytes.</summary>
    public SqlText Literal(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return Literal(bytes);
    }

    /// <summary>Adds text as its UTF-8 bytes.</summary>
    public SqlText Literal(string text) => Literal(Encoding.UTF8.GetBytes(text));

    /// <summary>Adds numbers with commas in between, in parentheses.</summary>
    public SqlText List(ReadOnlySpan<long> values)
    {
        Add('(');
        for (var i = 0; i < values.Length; i++)
        {
            if (i > 0)
            {
                Add(',');
            }

            Add(values[i]);
        }
        return Add(')');
    }

    private Span<byte> Room(int bytes)
    {
        if (_buffer.Length - Length < bytes)
        {
            Array.Resize(ref _buffer, (int)Math.Min(Array.MaxLength, Math.Max(2L * _buffer.Length, (long)Length + bytes)));
        }

        return _buffer.AsSpan(Length);
    }
}
