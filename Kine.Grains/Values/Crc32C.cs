using System.Buffers.Binary;
using System.Numerics;

namespace Kine.Grains.Values;

/// <summary>CRC-32C of bytes given piece by piece; the default value is that of no bytes.</summary>
internal struct Crc32C
{
    private uint _value;

    /// <summary>Goes on from the <see cref="Value"/> of an earlier one.</summary>
    public Crc32C(uint value) => _value = value;

    /// <summary>The checksum so far.</summary>
    public readonly uint Value => _value;

    /// <summary>Adds bytes.</summary>
    public void Add(ReadOnlySpan<byte> bytes)
    {
        var crc = ~_value;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (var one in bytes)
            crc = BitOperations.Crc32C(crc, one);

        _value = ~crc;
    }
}
