using System.Buffers.Binary;

namespace Kine.Host.Bench.Http2;

/// <summary>A growing byte buffer for frames and protobuf messages. Not thread-safe.</summary>
public sealed class WireBuffer
{
    private byte[] _bytes;
    private int _length;

    /// <summary>Creates a buffer of a first capacity in bytes.</summary>
    public WireBuffer(int capacity = 256) => _bytes = new byte[capacity];

    /// <summary>Bytes written.</summary>
    public int Length => _length;

    /// <summary>What was written.</summary>
    public ReadOnlySpan<byte> Span => _bytes.AsSpan(0, _length);

    /// <summary>What was written; valid until the next write.</summary>
    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, _length);

    /// <summary>Forgets the content; keeps the memory unless more than <paramref name="keep"/> bytes.</summary>
    public void Clear(int keep = int.MaxValue)
    {
        _length = 0;
        if (_bytes.Length > keep)
        {
            _bytes = new byte[256];
        }
    }

    /// <summary>Makes room for at least <paramref name="count"/> bytes and gives exactly that many, to be followed by <see cref="Advance"/>.</summary>
    public Span<byte> Reserve(int count)
    {
        if (_bytes.Length - _length < count)
        {
            Array.Resize(ref _bytes, (int)Math.Max((uint)(_length + count), Math.Min((uint)_bytes.Length * 2, (uint)Array.MaxLength)));
        }

        return _bytes.AsSpan(_length, count);
    }

    /// <summary>Counts reserved bytes as written.</summary>
    public void Advance(int count) => _length += count;

    /// <summary>Appends bytes.</summary>
    public void Write(ReadOnlySpan<byte> source)
    {
        source.CopyTo(Reserve(source.Length));
        _length += source.Length;
    }

    /// <summary>Appends one byte.</summary>
    public void WriteByte(byte value)
    {
        Reserve(1)[0] = value;
        _length++;
    }

    /// <summary>Appends a big-endian 32-bit number.</summary>
    public void WriteUInt32(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(Reserve(4), value);
        _length += 4;
    }

    /// <summary>Appends a frame header.</summary>
    public void WriteFrameHeader(FrameHeader header)
    {
        header.Write(Reserve(FrameHeader.Size));
        _length += FrameHeader.Size;
    }

    /// <summary>Overwrites bytes at a place written before, for lengths known late.</summary>
    public Span<byte> At(int offset, int count) => _bytes.AsSpan(offset, count);
}
