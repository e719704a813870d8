using Kine.Grains.Index;

namespace Kine.Grains.Values;

/// <summary>Marshals pairs into slabs, one behind the other. For one thread at a time.</summary>
public sealed class SlabWriter
{
    /// <summary>A longer pair gets an array of its own, so that the end of a slab that is left empty is at most a sixteenth.</summary>
    public const int MaxSlice = PairSlab.Size / 16; // bytes

    private PairSlab? _slab;
    private int _used = PairSlab.Size; // bytes of the slab

    /// <summary>Marshals one version with its value, as <see cref="KeyValueWire.Encode"/> does.</summary>
    public ReadOnlyMemory<byte> Encode(ReadOnlySpan<byte> key, in KeyVersion version, ReadOnlySpan<byte> value)
    {
        if (version.IsTombstone)
            value = default;

        var length = KeyValueWire.Length(key.Length, version, value.Length);
        if (length > MaxSlice)
            return KeyValueWire.Encode(key, version, value);

        if (_slab is null || length > PairSlab.Size - _used)
            (_slab, _used) = (new PairSlab(), 0);

        var slice = _slab.Slice(_used, length);
        _used += length;
        KeyValueWire.Write(slice.Span, key, version, value);
        return slice;
    }
}
