using System.Buffers.Binary;

namespace Kine.Host.Bench.Http2;

/// <summary>The nine bytes before each HTTP/2 frame (RFC 9113, section 4.1).</summary>
public readonly record struct FrameHeader(int Length, FrameType Type, FrameFlags Flags, int StreamId)
{
    /// <summary>Encoded size in bytes.</summary>
    public const int Size = 9;

    /// <summary>Reads a header from the first nine bytes; the reserved bit is ignored.</summary>
    public static FrameHeader Read(ReadOnlySpan<byte> source)
    {
        var lengthAndType = BinaryPrimitives.ReadUInt32BigEndian(source);
        return new FrameHeader(
            (int)(lengthAndType >> 8),
            (FrameType)(lengthAndType & 0xff),
            (FrameFlags)source[4],
            BinaryPrimitives.ReadInt32BigEndian(source[5..]) & int.MaxValue);
    }

    /// <summary>Writes the header to the first nine bytes.</summary>
    public void Write(Span<byte> target)
    {
        BinaryPrimitives.WriteUInt32BigEndian(target, ((uint)Length << 8) | (uint)Type);
        target[4] = (byte)Flags;
        BinaryPrimitives.WriteInt32BigEndian(target[5..], StreamId);
    }

    /// <summary>True if the flag (or all of the flags) is set.</summary>
    public bool Has(FrameFlags flag) => (Flags & flag) == flag;
}
