using System.Buffers;
using System.Buffers.Binary;

namespace Kine.Backends.Nats;

/// <summary>Writes varints (seven bits a byte, low ones first) and bytes.</summary>
internal sealed class ByteWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    /// <summary>Bytes written so far.</summary>
    public int Length => _buffer.WrittenCount;

    /// <summary>What was written.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.WrittenMemory;

    public void Varint(ulong value)
    {
        var span = _buffer.GetSpan(10);
        var count = 0;
        while (value >= 0x80)
        {
            span[count++] = (byte)(value | 0x80);
            value >>= 7;
        }
        span[count++] = (byte)value;
        _buffer.Advance(count);
    }

    /// <summary>A signed number; small ones of either sign are short.</summary>
    public void Signed(long value) => Varint((ulong)((value << 1) ^ (value >> 63)));

    public void Byte(byte value)
    {
        _buffer.GetSpan(1)[0] = value;
        _buffer.Advance(1);
    }

    public void Bytes(ReadOnlySpan<byte> bytes) => _buffer.Write(bytes);

    /// <summary>Length, then bytes.</summary>
    public void Block(ReadOnlySpan<byte> bytes)
    {
        Varint((ulong)bytes.Length);
        Bytes(bytes);
    }

    /// <summary>Number of words, then each in eight bytes: a bit each for the dead records of a message.</summary>
    public void Words(ulong[] words)
    {
        Varint((ulong)words.Length);
        foreach (var word in words)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_buffer.GetSpan(8), word);
            _buffer.Advance(8);
        }
    }

    public void Clear() => _buffer.ResetWrittenCount();

    /// <summary>In base64, as a header value.</summary>
    public string ToHeader() => Convert.ToBase64String(_buffer.WrittenSpan);
}
