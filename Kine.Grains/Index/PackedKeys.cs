using System.Runtime.CompilerServices;

namespace Kine.Grains.Index;

/// <summary>
/// Ascending keys in one array, what they all begin with stored once. Three keys /a/1, /a/2, /a/33:
/// <code>
/// prefix length: 3 | prefix: /a/ | offsets (int, one more than keys): 23 24 25 27 | suffixes: 1 2 33
/// </code>
/// Between offsets and suffixes, and after the last suffix, there may be room for more (see <see cref="TryInsertInPlace"/>).
/// </summary>
internal readonly struct PackedKeys(byte[] bytes, int count)
{
    public const int OffsetSize = sizeof(int);

    public byte[] Bytes => bytes;

    public int Count => count;

    public int PrefixLength => Unsafe.ReadUnaligned<int>(ref bytes[0]);

    public ReadOnlySpan<byte> Prefix => bytes.AsSpan(sizeof(int), PrefixLength);

    /// <summary>Bytes in use.</summary>
    public int Length => Offset(count);

    public ReadOnlySpan<byte> Suffix(int index)
    {
        var start = Offset(index);
        return bytes.AsSpan(start, Offset(index + 1) - start);
    }

    public int KeyLength(int index) => PrefixLength + Offset(index + 1) - Offset(index);

    public byte[] Key(int index)
    {
        var prefix = Prefix;
        var suffix = Suffix(index);
        var key = new byte[prefix.Length + suffix.Length];
        prefix.CopyTo(key);
        suffix.CopyTo(key.AsSpan(prefix.Length));
        return key;
    }

    /// <summary>Sign of the comparison of the key at <paramref name="index"/> with <paramref name="other"/>.</summary>
    public int Compare(int index, ReadOnlySpan<byte> other)
    {
        var prefix = Prefix;
        return other.StartsWith(prefix)
            ? Suffix(index).SequenceCompareTo(other[prefix.Length..])
            : prefix.SequenceCompareTo(other);
    }

    /// <summary>True when the key at <paramref name="index"/> is <paramref name="other"/>.</summary>
    public bool IsAt(int index, ReadOnlySpan<byte> other)
    {
        var prefix = Prefix;
        return other.StartsWith(prefix) && Suffix(index).SequenceEqual(other[prefix.Length..]);
    }

    /// <summary>The first key at or above <paramref name="key"/>, <see cref="Count"/> when there is none.</summary>
    public int LowerBound(ReadOnlySpan<byte> key)
    {
        var prefix = Prefix;
        if (!key.StartsWith(prefix))
            return key.SequenceCompareTo(prefix) < 0 ? 0 : count;

        key = key[prefix.Length..];
        var low = 0;
        var high = count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (Suffix(middle).SequenceCompareTo(key) < 0)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    /// <summary>
    /// These keys and one more at <paramref name="index"/> in an array without spare room; null when that would shorten the common prefix.
    /// </summary>
    public byte[]? Insert(int index, ReadOnlySpan<byte> key)
    {
        var prefix = Prefix;
        if (count == 0 || !key.StartsWith(prefix))
            return null;

        var suffix = key[prefix.Length..];
        var first = Offset(0);
        var table = sizeof(int) + prefix.Length;
        var shift = table + OffsetSize * (count + 2) - first;
        var packed = GC.AllocateUninitializedArray<byte>(Length + shift + suffix.Length);
        bytes.AsSpan(0, table).CopyTo(packed);
        for (var i = 0; i <= index; i++)
            SetOffset(packed, table, i, Offset(i) + shift);

        for (var i = index; i <= count; i++)
            SetOffset(packed, table, i + 1, Offset(i) + shift + suffix.Length);

        var cut = Offset(index);
        bytes.AsSpan(first, cut - first).CopyTo(packed.AsSpan(first + shift));
        suffix.CopyTo(packed.AsSpan(cut + shift));
        bytes.AsSpan(cut, Length - cut).CopyTo(packed.AsSpan(cut + shift + suffix.Length));
        return packed;
    }

    /// <summary>
    /// Puts one more key at <paramref name="index"/> into the spare room; false when there is not enough, or the common prefix would get
    /// shorter.
    /// </summary>
    public bool TryInsertInPlace(int index, ReadOnlySpan<byte> key)
    {
        var prefix = Prefix;
        var table = sizeof(int) + prefix.Length;
        var suffixLength = key.Length - prefix.Length;
        if (count == 0
            || !key.StartsWith(prefix)
            || Offset(0) < table + OffsetSize * (count + 2)
            || bytes.Length < Length + suffixLength)
        {
            return false;
        }

        var cut = Offset(index);
        bytes.AsSpan(cut, Length - cut).CopyTo(bytes.AsSpan(cut + suffixLength));
        key[prefix.Length..].CopyTo(bytes.AsSpan(cut));
        for (var i = count; i >= index; i--)
            SetOffset(bytes, table, i + 1, Offset(i) + suffixLength);

        return true;
    }

    public static void SetOffset(byte[] packed, int table, int index, int offset) =>
        Unsafe.WriteUnaligned(ref packed[table + index * OffsetSize], offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Offset(int index) => Unsafe.ReadUnaligned<int>(ref bytes[sizeof(int) + PrefixLength + index * OffsetSize]);
}
