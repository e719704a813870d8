using System.Buffers.Binary;
using System.Numerics;

namespace Kine.Grains.Values;

/// <summary>CRC-32C of bytes given piece by piece; the default value is that of no bytes.</summary>
/// <param name="value">The <see cref="Value"/> of an earlier one, to go on from.</param>
internal struct Crc32C(uint value)
{
    private uint _value = value;

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
