using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench;

/// <summary>Writes protobuf fields by hand, so that hot requests are encoded without message objects.</summary>
internal static class ProtoWriter
{
    public static void Varint(this WireBuffer target, ulong value)
    {
        while (value >= 0x80)
        {
            target.WriteByte((byte)(value | 0x80));
            value >>= 7;
        }

        target.WriteByte((byte)value);
    }

    public static void NumberField(this WireBuffer target, int field, long value)
    {
        target.Varint((uint)field << 3);
        target.Varint((ulong)value);
    }

    public static void BytesField(this WireBuffer target, int field, ReadOnlySpan<byte> value)
    {
        target.LengthField(field, value.Length);
        target.Write(value);
    }

    /// <summary>Starts a field of bytes or of a message; the caller writes that many bytes next.</summary>
    public static void LengthField(this WireBuffer target, int field, int length)
    {
        target.Varint(((uint)field << 3) | 2);
        target.Varint((uint)length);
    }

    public static int VarintSize(ulong value)
    {
        var size = 1;
        for (; value >= 0x80; value >>= 7)
        {
            size++;
        }

        return size;
    }

    /// <summary>Size of a length-delimited field whose number is below 16.</summary>
    public static int LengthFieldSize(int length) => 1 + VarintSize((uint)length) + length;
}
