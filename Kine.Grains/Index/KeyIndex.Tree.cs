namespace Kine.Grains.Index;

/// <content>Changes of shape. All of it is the writer's.</content>
public sealed partial class KeyIndex
{
    private const int MaxDepth = 24; // levels; a tree of 2^31 keys with nodes a quarter full has 8

    private readonly KeyPacker _packer = new();

    // The way down to the leaf found last: node and slot taken on each level above it.
    private readonly InnerNode[] _path = new InnerNode[MaxDepth];
    private readonly int[] _slot = new int[MaxDepth];
    private int _depth;

    // The key located last, so that looking at a key and then writing it is one descent; its length is -1 once the tree has changed.
    private byte[] _located = new byte[256];
    private int _locatedLength = -1;
    private Leaf _leaf = Leaf.Empty;
    private int _index; // in the leaf, -1 when the key isn't there
    private byte _print;

    /// <summary>Finds the leaf of a key, and the key in it if it is there.</summary>
    private bool Locate(ReadOnlySpan<byte> key)
    {
        if (key.Length == _locatedLength && key.SequenceEqual(_located.AsSpan(0, _locatedLength)))
            return _index >= 0;

        _leaf = Descend(key);
        _print = Fingerprints.Of(key);
        _index = _leaf.Find(key, _print);
        if (key.Length <= _located.Length)
        {
            key.CopyTo(_located);
            _locatedLength = key.Length;
        }

        return _index >= 0;
    }

    private Leaf Descend(ReadOnlySpan<byte> key)
    {
        _locatedLength = -1;
        var node = _root;
        _depth = 0;
        while (node is InnerNode inner)
        {
            var slot = inner.Find(key);
            _path[_depth] = inner;
            _slot[_depth++] = slot;
            node = inner.Slots[slot].Child;
        }

        return (Leaf)node;
    }

    /// <summary>The located key gets another newest version, by a write (or the undoing of one) at <paramref name="revision"/>.</summary>
    private void Update(in VersionRow row, long revision, int change)
    {
        if (change == 0)
        {
            _leaf.Set(_index, row);
            return;
        }

        Touch(_depth, revision);
        _leaf.Set(_index, row);
        AddLive(_depth, change);
    }

    /// <summary>
    /// Puts <paramref name="node"/> in the place of the node at <paramref name="depth"/> of the path. It stands for the same range of keys
    /// and holds <paramref name="change"/> live keys more, by a write at <paramref name="revision"/>.
    /// </summary>
    private void Replace(int depth, IndexNode node, long revision, int change)
    {
        // The order that counts rely on: revision, then child (or row), then count.
        if (change != 0)
            Touch(depth, revision);

        if (depth == 0)
            Volatile.Write(ref _root, node);
        else
            Volatile.Write(ref _path[depth - 1].Slots[_slot[depth - 1]].Child, node);

        if (change != 0)
            AddLive(depth, change);

        _locatedLength = -1;
    }

    private void Touch(int depth, long revision)
    {
        for (var i = 0; i < depth; i++)
            Volatile.Write(ref _path[i].Slots[_slot[i]].LastChange, revision);
    }

    private void AddLive(int depth, int change)
    {
        for (var i = 0; i < depth; i++)
        {
            ref var slot = ref _path[i].Slots[_slot[i]];
            Volatile.Write(ref slot.Live, slot.Live + change);
        }

        Volatile.Write(ref _live, _live + change);
    }

    /// <summary>Adds the key that was located in vain.</summary>
    private void Insert(ReadOnlySpan<byte> key, in VersionRow row)
    {
        var leaf = _leaf;
        var at = leaf.Keys.LowerBound(key);
        var change = row.IsTombstone ? 0 : 1;
        if (_loading && leaf.TryInsertInPlace(at, key, _print, row))
        {
            Touch(_depth, row.Mod);
            AddLive(_depth, change);
            _locatedLength = -1;
            return;
        }

        if (leaf.Count == 0 || leaf.Count < Leaf.MaxEntries && leaf.Keys.Length + key.Length <= Leaf.MaxKeyBytes)
        {
            Replace(_depth, leaf.Insert(at, key, _print, row, _loading, _packer), row.Mod, change);
            return;
        }

        // Ascending keys would leave half-full leaves behind: what is appended starts a new one.
        var cut = at == leaf.Count ? at : leaf.Count / 2;
        var append = cut == leaf.Count;
        var right = leaf.Slice(cut, leaf.Count, _loading, _packer);
        var left = append ? leaf : _loading ? leaf.Truncate(cut) : leaf.Slice(0, cut, spare: false, _packer);
        if (append || at > cut)
            right = InsertInto(right, at - cut, key, row);
        else
            left = InsertInto(left, at, key, row);

        Split(_depth, left, left.Live, right, right.Live, Separator(left, right), row.Mod, change);
    }

    private Leaf InsertInto(Leaf leaf, int at, ReadOnlySpan<byte> key, in VersionRow row) =>
        _loading && leaf.TryInsertInPlace(at, key, _print, row) ? leaf : leaf.Insert(at, key, _print, row, _loading, _packer);

    /// <summary>The shortest key above all of <paramref name="left"/> that is not above any of <paramref name="right"/>.</summary>
    private static byte[] Separator(Leaf left, Leaf right)
    {
        var last = left.Keys.Key(left.Count - 1);
        var first = right.Keys.Key(0);
        return first[..(last.AsSpan().CommonPrefixLength(first) + 1)];
    }

    /// <summary>Two nodes take the place of the one at <paramref name="depth"/> of the path.</summary>
    private void Split(
        int depth, IndexNode left, int leftLive, IndexNode right, int rightLive, ReadOnlySpan<byte> separator, long revision, int change)
    {
        var leftSlot = new InnerNode.Slot { Child = left, LastChange = revision, Live = leftLive };
        var rightSlot = new InnerNode.Slot { Child = right, LastChange = revision, Live = rightLive };
        if (depth == 0)
        {
            Replace(0, new InnerNode(_packer.Clear().Add(separator).Pack(), [leftSlot, rightSlot]), revision, change);
            return;
        }

        var parent = _path[depth - 1];
        var at = _slot[depth - 1];
        InnerNode.Slot[] slots = [.. parent.Slots.AsSpan(0, at), leftSlot, rightSlot, .. parent.Slots.AsSpan(at + 1)];
        var old = parent.Separators;
        var separators = old.Insert(at, separator) is { } packed
            ? new PackedKeys(packed, slots.Length - 1)
            : _packer.Clear().Add(old, 0, at).Add(separator).Add(old, at, old.Count).Pack();
        if (slots.Length <= InnerNode.MaxChildren)
        {
            Replace(depth - 1, new InnerNode(separators, slots), revision, change);
            return;
        }

        var cut = at + 2 == slots.Length ? slots.Length - 1 : slots.Length / 2;
        var lower = new InnerNode(_packer.Clear().Add(separators, 0, cut - 1).Pack(), slots[..cut]);
        var upper = new InnerNode(_packer.Clear().Add(separators, cut, separators.Count).Pack(), slots[cut..]);
        Split(depth - 1, lower, lower.Live, upper, upper.Live, separators.Key(cut - 1), revision, change);
    }
}
