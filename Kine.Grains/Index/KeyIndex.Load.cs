namespace Kine.Grains.Index;

public sealed partial class KeyIndex
{
    private bool _loading;

    /// <summary>
    /// Makes <see cref="Apply"/> several times faster until <see cref="FinishLoad"/>, for replaying a log: leaves are filled in place.
    /// Nobody may read meanwhile (<see cref="TryGetNewest"/> excepted). Throws <see cref="InvalidOperationException"/> when the index is
    /// not empty.
    /// </summary>
    public void BeginLoad()
    {
        if (_root != Leaf.Empty)
            throw new InvalidOperationException("Only an empty index can be loaded.");

        _loading = true;
    }

    /// <summary>
    /// Between <see cref="BeginLoad"/> and <see cref="FinishLoad"/>: takes a live key as it is at the revision that is copied, keys in any order, each once. Nobody
    /// can read below that revision. Throws <see cref="ArgumentException"/> for a key that is there, or a tombstone.
    /// </summary>
    public void Load(ReadOnlySpan<byte> key, in KeyVersion version)
    {
        if (!_loading)
            throw new InvalidOperationException("No load has begun.");

        if (version.Mod <= 0 || version.IsTombstone || Locate(key))
            throw new ArgumentException($"Version {version.Id} is not of a live key that is new.", nameof(version));

        Insert(key, new VersionRow(version, History.NoRow));
        _applied = Math.Max(_applied, version.Mod);
    }

    /// <summary>Ends what <see cref="BeginLoad"/> began: gives spare room back. From now on there may be readers.</summary>
    public void FinishLoad()
    {
        if (!_loading)
            return;

        _loading = false;
        _locatedLength = -1;
        Interlocked.Exchange(ref _root, Trim(_root));
    }

    private IndexNode Trim(IndexNode node)
    {
        if (node is Leaf leaf)
            return leaf.Trim(_packer);

        var inner = (InnerNode)node;
        foreach (ref var slot in inner.Slots.AsSpan())
            slot.Child = Trim(slot.Child);

        return inner;
    }
}
