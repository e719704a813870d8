namespace Kine.Grains.Index;

/// <content>Leaves and inner nodes going away. All of it is the writer's.</content>
public sealed partial class KeyIndex
{
    /// <summary>Puts a leaf that lost keys in its place; an empty one goes, a small one joins a neighbour.</summary>
    private void Shrink(Leaf leaf, long revision, int change)
    {
        if (_depth == 0)
        {
            Replace(0, leaf, revision, change);
            return;
        }

        if (leaf.Count == 0)
        {
            RemoveSlot(_depth - 1, revision, change);
            return;
        }

        var parent = _path[_depth - 1];
        var at = _slot[_depth - 1];
        if (leaf.Count <= Leaf.MaxEntries / 4)
        {
            if (at > 0 && parent.Slots[at - 1].Child is Leaf before && CanJoin(before, leaf))
            {
                JoinSlots(at - 1, before.Join(leaf, _packer), revision, change);
                return;
            }

            if (at + 1 < parent.Slots.Length && parent.Slots[at + 1].Child is Leaf after && CanJoin(leaf, after))
            {
                JoinSlots(at, leaf.Join(after, _packer), revision, change);
                return;
            }
        }

        Replace(_depth, leaf, revision, change);
    }

    private static bool CanJoin(Leaf left, Leaf right) =>
        left.Count + right.Count <= Leaf.MaxEntries * 3 / 4
        && left.Keys.Bytes.Length + right.Keys.Bytes.Length <= Leaf.MaxKeyBytes / 2;

    /// <summary>One leaf takes the place of the leaves in slot <paramref name="at"/> of the path's last node and the next one.</summary>
    private void JoinSlots(int at, Leaf joined, long revision, int change)
    {
        var parent = _path[_depth - 1];
        ref readonly var left = ref parent.Slots[at];
        ref readonly var right = ref parent.Slots[at + 1];
        var lastChange = Math.Max(left.LastChange, right.LastChange);
        if (change != 0)
            lastChange = Math.Max(lastChange, revision);

        var slot = new InnerNode.Slot { Child = joined, LastChange = lastChange, Live = joined.Live };
        InnerNode.Slot[] slots = [.. parent.Slots.AsSpan(0, at), slot, .. parent.Slots.AsSpan(at + 2)];
        var old = parent.Separators;
        var separators = _packer.Clear().Add(old, 0, at).Add(old, at + 1, old.Count).Pack();
        Replace(_depth - 1, new InnerNode(separators, slots), revision, change);
        LowerRoot();
    }

    /// <summary>The path's slot at <paramref name="level"/> leads to nothing any more; a neighbour takes over its range.</summary>
    private void RemoveSlot(int level, long revision, int change)
    {
        var node = _path[level];
        var at = _slot[level];
        if (node.Slots.Length == 1)
        {
            if (level == 0)
                Replace(0, Leaf.Empty, revision, change);
            else
                RemoveSlot(level - 1, revision, change);

            return;
        }

        InnerNode.Slot[] slots = [.. node.Slots.AsSpan(0, at), .. node.Slots.AsSpan(at + 1)];
        var old = node.Separators;
        var separator = Math.Max(0, at - 1);
        var separators = _packer.Clear().Add(old, 0, separator).Add(old, separator + 1, old.Count).Pack();
        Replace(level, new InnerNode(separators, slots), revision, change);
        LowerRoot();
    }

    private void LowerRoot()
    {
        while (_root is InnerNode { Slots.Length: 1 } root)
            Volatile.Write(ref _root, root.Slots[0].Child);
    }
}
