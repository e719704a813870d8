using System.Buffers.Binary;

namespace Kine.Grains.Index;

/// <summary>
/// Divides its range of keys among its children: child i holds the keys at or above separator i - 1 and below separator i. The separators
/// never change, so the range of a slot is fixed as long as the node lives; a node with other separators is another node.
/// </summary>
internal sealed class InnerNode : IndexNode
{
    public const int MaxChildren = 64;

    /// <summary>
    /// A child, the live keys under it at the newest state, and an upper bound of the revision of the last create or delete under it.
    /// </summary>
    public struct Slot
    {
        public IndexNode Child;
        public long LastChange;
        public int Live;
    }

    private readonly byte[] _separators;
    private readonly ulong[] _heads; // first 8 bytes of each separator after the common prefix, most significant first

    public InnerNode(PackedKeys separators, Slot[] slots)
    {
        _separators = separators.Bytes;
        Slots = slots;
        _heads = new ulong[separators.Count];
        for (var i = 0; i < _heads.Length; i++)
            _heads[i] = Head(separators.Suffix(i));
    }

    /// <summary>One slot a child; the writer changes them in place by <see cref="Volatile"/>.</summary>
    public Slot[] Slots { get; }

    public PackedKeys Separators => new(_separators, _heads.Length);

    /// <summary>Live keys under all children; the writer's view.</summary>
    public int Live
    {
        get
        {
            var live = 0;
            foreach (ref readonly var slot in Slots.AsSpan())
                live += slot.Live;

            return live;
        }
    }

    /// <summary>The child in a slot as last published.</summary>
    public IndexNode Child(int slot) => Volatile.Read(ref Slots[slot].Child);

    /// <summary>The slot whose range holds <paramref name="key"/>.</summary>
    public int Find(ReadOnlySpan<byte> key)
    {
        var separators = Separators;
        var prefix = separators.Prefix;
        if (!key.StartsWith(prefix))
            return key.SequenceCompareTo(prefix) < 0 ? 0 : _heads.Length;

        key = key[prefix.Length..];
        var head = Head(key);
        ReadOnlySpan<ulong> heads = _heads;
        var low = 0;
        var high = heads.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (heads[middle] < head)
                low = middle + 1;
            else
                high = middle;
        }

        if (low == heads.Length || heads[low] != head)
            return low;

        // Equal heads say nothing: the whole suffix decides.
        high = heads.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (heads[middle] == head && separators.Suffix(middle).SequenceCompareTo(key) <= 0)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    private static ulong Head(ReadOnlySpan<byte> suffix)
    {
        if (suffix.Length >= sizeof(ulong))
            return BinaryPrimitives.ReadUInt64BigEndian(suffix);

        ulong head = 0;
        for (var i = 0; i < suffix.Length; i++)
            head |= (ulong)suffix[i] << (56 - i * 8);

        return head;
    }
}
