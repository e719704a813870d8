using System.Buffers.Binary;

namespace Kine.Backends.Nats;

/// <summary>How the dead records of a message are written: a bit each, eight bytes for 64.</summary>
internal static class DeadBits
{
    public static void Write(ByteWriter writer, ulong[] bits)
    {
        Span<byte> word = stackalloc byte[8];
        writer.Varint((ulong)bits.Length);
        foreach (var value in bits)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, value);
            writer.Bytes(word);
        }
    }

    public static ulong[] Read(ref ByteReader reader)
    {
        var bits = new ulong[reader.Count()];
        for (var i = 0; i < bits.Length; i++)
            bits[i] = BinaryPrimitives.ReadUInt64LittleEndian(reader.Bytes(8));

        return bits;
    }
}
