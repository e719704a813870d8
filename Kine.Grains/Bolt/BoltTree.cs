namespace Kine.Grains.Bolt;

/// <summary>
/// One bucket, built from entries in key order in a single pass: a page goes out as soon as it is full, the branch above it later, so that memory
/// stays at one page a level.
/// </summary>
internal sealed class BoltTree(BoltWriter file)
{
    private readonly BoltPageBuilder _leaf = file.NewPage(BoltFormat.Leaf);
    private readonly List<BoltPageBuilder> _branches = [];
    private byte[] _lastKey = [];

    /// <summary>Adds the next entry. Keys must ascend (<see cref="ArgumentException"/>).</summary>
    public void Add(ReadOnlySpan<byte> key, uint flags, int valueLength, ReadOnlySpan<byte> value)
    {
        if (key.SequenceCompareTo(_lastKey) <= 0)
            throw new ArgumentException($"the bucket's key {Convert.ToHexString(key)} does not follow {Convert.ToHexString(_lastKey)}");

        if (!_leaf.Fits((long)key.Length + valueLength))
            AddChild(0, _leaf);

        _leaf.AddEntry(key, flags, valueLength, value);
        if (_lastKey.Length != key.Length)
            _lastKey = new byte[key.Length];

        key.CopyTo(_lastKey);
    }

    /// <summary>Writes what is left; returns the root page.</summary>
    public ulong Finish()
    {
        if (_branches.Count == 0)
            return file.Emit(_leaf);

        AddChild(0, _leaf);
        for (var level = 0; level < _branches.Count - 1; level++)
            AddChild(level + 1, _branches[level]);

        return file.Emit(_branches[^1]);
    }

    private void AddChild(int level, BoltPageBuilder child)
    {
        var firstKey = child.FirstKey;
        var page = file.Emit(child);
        child.Clear();
        if (_branches.Count == level)
            _branches.Add(file.NewPage(BoltFormat.Branch));

        var branch = _branches[level];
        if (!branch.Fits(firstKey.Length))
        {
            // The last child moves on with the new one: bbolt cannot delete below a branch that has only one child.
            (var movedKey, var movedPage) = branch.TakeLastChild();
            AddChild(level + 1, branch);
            branch.AddChild(movedKey, movedPage);
        }

        branch.AddChild(firstKey, page);
    }
}
