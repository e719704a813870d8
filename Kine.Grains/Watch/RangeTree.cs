namespace Kine.Grains.Watch;

/// <summary>
/// The watched ranges as an interval tree: finds the ranges that hold a key in O(log n + found). A treap ordered by (start, end), in which each
/// node knows the largest end below it, so that a search leaves out what ends before the key.
/// </summary>
internal sealed class RangeTree
{
    private readonly Random _priorities = new();
    private Node? _root;

    /// <summary>The groups of exactly this range, added empty when there are none. A null end is no end.</summary>
    public List<WatchGroup> GetOrAdd(byte[] start, byte[]? end)
    {
        for (var node = _root; node is not null;)
        {
            var order = Compare(start, end, node);
            if (order == 0)
                return node.Groups;

            node = order < 0 ? node.Left : node.Right;
        }

        var added = new Node(start, end, _priorities.Next());
        _root = Insert(_root, added);
        return added.Groups;
    }

    /// <summary>Takes out a range.</summary>
    public void Remove(byte[] start, byte[]? end) => _root = Remove(_root, start, end);

    /// <summary>Adds the groups of every range that holds the key.</summary>
    public void Find(ReadOnlySpan<byte> key, List<WatchGroup> into) => Find(_root, key, into);

    private static void Find(Node? node, ReadOnlySpan<byte> key, List<WatchGroup> into)
    {
        while (node is not null && EndsAfter(node.MaxEnd, key))
        {
            Find(node.Left, key, into);
            if (key.SequenceCompareTo(node.Start) < 0)
                return;

            if (EndsAfter(node.End, key))
                into.AddRange(node.Groups);

            node = node.Right;
        }
    }

    private static bool EndsAfter(byte[]? end, ReadOnlySpan<byte> key) => end is null || key.SequenceCompareTo(end) < 0;

    private static int Compare(byte[] start, byte[]? end, Node node)
    {
        var order = start.AsSpan().SequenceCompareTo(node.Start);
        return order != 0 ? order : CompareEnds(end, node.End);
    }

    private static int CompareEnds(byte[]? left, byte[]? right)
    {
        if (left is null || right is null)
            return (left is null ? 1 : 0) - (right is null ? 1 : 0);

        return left.AsSpan().SequenceCompareTo(right);
    }

    private static Node Insert(Node? node, Node added)
    {
        if (node is null)
            return added;

        if (Compare(added.Start, added.End, node) < 0)
        {
            node.Left = Insert(node.Left, added);
            return node.Left.Priority > node.Priority ? RotateRight(node) : node.Updated();
        }

        node.Right = Insert(node.Right, added);
        return node.Right.Priority > node.Priority ? RotateLeft(node) : node.Updated();
    }

    private static Node? Remove(Node? node, byte[] start, byte[]? end)
    {
        if (node is null)
            return null;

        var order = Compare(start, end, node);
        if (order < 0)
            node.Left = Remove(node.Left, start, end);
        else if (order > 0)
            node.Right = Remove(node.Right, start, end);
        else
            return Merge(node.Left, node.Right);

        return node.Updated();
    }

    private static Node? Merge(Node? left, Node? right)
    {
        if (left is null || right is null)
            return left ?? right;

        if (left.Priority > right.Priority)
        {
            left.Right = Merge(left.Right, right);
            return left.Updated();
        }

        right.Left = Merge(left, right.Left);
        return right.Updated();
    }

    private static Node RotateRight(Node node)
    {
        var top = node.Left!;
        node.Left = top.Right;
        top.Right = node.Updated();
        return top.Updated();
    }

    private static Node RotateLeft(Node node)
    {
        var top = node.Right!;
        node.Right = top.Left;
        top.Left = node.Updated();
        return top.Updated();
    }

    private sealed class Node(byte[] start, byte[]? end, int priority)
    {
        public byte[] Start { get; } = start;

        public byte[]? End { get; } = end;

        public int Priority { get; } = priority;

        public List<WatchGroup> Groups { get; } = [];

        public byte[]? MaxEnd { get; private set; } = end;

        public Node? Left { get; set; }

        public Node? Right { get; set; }

        public Node Updated()
        {
            MaxEnd = End;
            if (Left is not null && CompareEnds(Left.MaxEnd, MaxEnd) > 0)
                MaxEnd = Left.MaxEnd;

            if (Right is not null && CompareEnds(Right.MaxEnd, MaxEnd) > 0)
                MaxEnd = Right.MaxEnd;

            return this;
        }
    }
}
