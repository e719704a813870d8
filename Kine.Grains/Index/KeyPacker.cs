using System.Runtime.InteropServices;

namespace Kine.Grains.Index;

/// <summary>
/// Gathers ascending keys and packs them into a <see cref="PackedKeys"/> array; reused by the writer, so that a split makes no garbage but
/// its result.
/// </summary>
internal sealed class KeyPacker
{
    private const int KeptBytes = 64 * 1024; // larger scratch, from keys of unusual length, is given back

    private const int MaxRoom = 4096; // bytes

    private byte[] _keys = new byte[4096];
    private int[] _ends = new int[128];
    private int _count;

    private int End => _count == 0 ? 0 : _ends[_count - 1];

    public KeyPacker Clear()
    {
        _count = 0;
        if (_keys.Length > KeptBytes)
            _keys = new byte[4096];

        return this;
    }

    public KeyPacker Add(ReadOnlySpan<byte> key)
    {
        key.CopyTo(Take(key.Length));
        return this;
    }

    public KeyPacker Add(PackedKeys keys, int from, int to)
    {
        for (var i = from; i < to; i++)
            Add(keys, i);

        return this;
    }

    public KeyPacker Add(PackedKeys keys, int index)
    {
        var prefix = keys.Prefix;
        var suffix = keys.Suffix(index);
        var key = Take(prefix.Length + suffix.Length);
        prefix.CopyTo(key);
        suffix.CopyTo(key[prefix.Length..]);
        return this;
    }

    /// <summary>The keys added since <see cref="Clear"/>, with room for <paramref name="moreKeys"/> more of the same kind.</summary>
    public PackedKeys Pack(int moreKeys = 0)
    {
        // In ascending keys, what first and last share, all share.
        var prefix = _count == 0 ? 0 : Key(0).CommonPrefixLength(Key(_count - 1));
        var table = sizeof(int) + prefix;
        var at = table + PackedKeys.OffsetSize * (_count + 1 + moreKeys);
        var suffixes = End - prefix * _count;
        var room = moreKeys == 0 ? 0 : Math.Min(MaxRoom, (suffixes / _count + 16) * moreKeys);
        var packed = GC.AllocateUninitializedArray<byte>(at + suffixes + room);
        MemoryMarshal.Write(packed, prefix);
        if (_count > 0)
            Key(0)[..prefix].CopyTo(packed.AsSpan(sizeof(int)));

        PackedKeys.SetOffset(packed, table, 0, at);
        for (var i = 0; i < _count; i++)
        {
            var suffix = Key(i)[prefix..];
            suffix.CopyTo(packed.AsSpan(at));
            at += suffix.Length;
            PackedKeys.SetOffset(packed, table, i + 1, at);
        }

        return new PackedKeys(packed, _count);
    }

    private ReadOnlySpan<byte> Key(int index)
    {
        var start = index == 0 ? 0 : _ends[index - 1];
        return _keys.AsSpan(start, _ends[index] - start);
    }

    private Span<byte> Take(int length)
    {
        var start = End;
        if (start + length > _keys.Length)
            Array.Resize(ref _keys, Math.Max(start + length, _keys.Length * 2));

        if (_count == _ends.Length)
            Array.Resize(ref _ends, _ends.Length * 2);

        _ends[_count++] = start + length;
        return _keys.AsSpan(start, length);
    }
}
