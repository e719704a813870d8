using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;

namespace Kine.Backends.Nats;

/// <summary>Reads what <see cref="ByteWriter"/> wrote; throws <see cref="StoreBrokenException"/> where it ends too early.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>True when nothing is left.</summary>
    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>Decodes the base64 of a header.</summary>
    public static byte[] FromHeader(ReadOnlySpan<byte> header)
    {
        var decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(header.Length)];
        var length = FromHeader(header, decoded).Length;
        return length == decoded.Length ? decoded : decoded[..length];
    }

    /// <summary>Decodes the base64 of a header into a buffer at least as long.</summary>
    public static ReadOnlySpan<byte> FromHeader(ReadOnlySpan<byte> header, byte[] buffer) =>
        Base64.DecodeFromUtf8(header, buffer, out _, out var length) == OperationStatus.Done ? buffer.AsSpan(0, length) : throw Damaged();

    public ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            var next = Byte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
        throw Damaged();
    }

    /// <summary>A varint that must fit an int.</summary>
    public int Count()
    {
        var value = Varint();
        return value <= int.MaxValue ? (int)value : throw Damaged();
    }

    public long Signed()
    {
        var value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    public byte Byte()
    {
        if (_rest.IsEmpty)
            throw Damaged();

        var value = _rest[0];
        _rest = _rest[1..];
        return value;
    }

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > _rest.Length)
            throw Damaged();

        var bytes = _rest[..count];
        _rest = _rest[count..];
        return bytes;
    }

    /// <summary>Length, then bytes.</summary>
    public ReadOnlySpan<byte> Block() => Bytes(Count());

    public ulong[] Words()
    {
        var words = new ulong[Count()];
        for (var i = 0; i < words.Length; i++)
            words[i] = BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

        return words;
    }

    public static StoreBrokenException Damaged() => new("a message of the log is damaged: its content does not end where it says");
}
