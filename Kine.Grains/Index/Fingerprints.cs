using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Kine.Grains.Index;

/// <summary>
/// One byte of hash for each key of a leaf, inside the leaf object: looking up one key then touches that key's bytes only.
/// </summary>
[InlineArray(Leaf.MaxEntries)]
internal struct Fingerprints
{
    private byte _first;

    /// <summary>The byte that stands for a key.</summary>
    public static byte Of(ReadOnlySpan<byte> key)
    {
        var hash = (uint)key.Length;
        if (key.Length < sizeof(ulong))
        {
            foreach (var part in key)
                hash = BitOperations.Crc32C(hash, part);

            return (byte)hash;
        }

        for (var i = 0; i + sizeof(ulong) < key.Length; i += sizeof(ulong))
            hash = BitOperations.Crc32C(hash, MemoryMarshal.Read<ulong>(key[i..]));

        return (byte)BitOperations.Crc32C(hash, MemoryMarshal.Read<ulong>(key[^sizeof(ulong)..]));
    }

    /// <summary>A bit for each of the first <paramref name="count"/> entries that has this byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Candidates(ref readonly Fingerprints prints, byte print, int count)
    {
        var all = Vector256.LoadUnsafe(in prints._first);
        var equal = Vector256.Equals(all, Vector256.Create(print)).ExtractMostSignificantBits();
        return count == Leaf.MaxEntries ? equal : equal & ((1u << count) - 1);
    }
}
