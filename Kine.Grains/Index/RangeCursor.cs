namespace Kine.Grains.Index;

/// <summary>
/// Walks the keys of a range that exist at one revision, in order. It may be kept and continued at any time, however the index goes on, as
/// long as the revision is not compacted (<see cref="KeyIndex.CompactedRevision"/> tells). One thread at a time.
/// </summary>
public sealed class RangeCursor
{
    private readonly KeyIndex _index;
    private readonly long _revision;
    private readonly KeyRange _range;
    private InnerNode? _parent; // above the leaf; null when the leaf is the root
    private int _slot; // of the leaf
    private byte[]? _beyondParent; // first key the parent does not hold, null when there is none in the range
    private Leaf _leaf = Leaf.Empty;
    private int _next; // entry to look at
    private int _end; // of the entries in the range
    private bool _last; // nothing in the range after this leaf
    private KeyVersion _current;
    private byte[] _key = new byte[128];
    private int _prefixLength = -1; // bytes of the leaf's prefix in _key, -1 when not copied yet

    internal RangeCursor(KeyIndex index, KeyRange range, long revision)
    {
        _index = index;
        _revision = revision;
        _range = range;
        if (range.IsEmpty)
            _last = true;
        else
            Seek(range.Start.Span);
    }

    /// <summary>The version of the current key; valid after <see cref="MoveNext"/> returned true.</summary>
    public ref readonly KeyVersion Current => ref _current;

    /// <summary>The current key, valid until the next move; put together when asked for.</summary>
    public ReadOnlySpan<byte> Key
    {
        get
        {
            var keys = _leaf.Keys;
            var suffix = keys.Suffix(_next - 1);
            if (_prefixLength < 0)
            {
                var prefix = keys.Prefix;
                Reserve(prefix.Length + suffix.Length);
                prefix.CopyTo(_key);
                _prefixLength = prefix.Length;
            }

            Reserve(_prefixLength + suffix.Length);
            suffix.CopyTo(_key.AsSpan(_prefixLength));
            return _key.AsSpan(0, _prefixLength + suffix.Length);
        }
    }

    /// <summary>Bytes of the current key.</summary>
    public int KeyLength => _leaf.Keys.KeyLength(_next - 1);

    /// <summary>Where the current key is.</summary>
    public KeyPlace Place => new(_leaf, _next - 1);

    /// <summary>Goes to the next key that exists; false at the end of the range.</summary>
    public bool MoveNext()
    {
        while (true)
        {
            while (_next < _end)
            {
                if (_index.TryRead(_leaf, _next++, _revision, out _current) && !_current.IsTombstone)
                    return true;
            }

            if (_last)
                return false;

            NextLeaf();
        }
    }

    private void NextLeaf()
    {
        if (_parent is not null && _slot + 1 < _parent.Slots.Length)
        {
            // The parent may have been replaced meanwhile; it still holds everything up to the revision (see KeyIndex).
            _slot++;
            Enter((Leaf)_parent.Child(_slot), 0);
        }
        else
        {
            Seek(_beyondParent);
        }
    }

    private void Seek(ReadOnlySpan<byte> key)
    {
        var node = _index.Root;
        InnerNode? above = null; // lowest node over the parent that has a slot after the one taken
        var slotAbove = 0;
        _parent = null;
        while (node is InnerNode inner)
        {
            if (_parent is not null && _slot + 1 < _parent.Slots.Length)
                (above, slotAbove) = (_parent, _slot);

            _parent = inner;
            _slot = inner.Find(key);
            node = inner.Child(_slot);
        }

        _beyondParent = above?.Separators.Key(slotAbove);
        var leaf = (Leaf)node;
        Enter(leaf, leaf.Keys.LowerBound(key));
    }

    private void Enter(Leaf leaf, int from)
    {
        _leaf = leaf;
        _next = from;
        _prefixLength = -1;
        var keys = leaf.Keys;
        _end = leaf.Count;
        if (_range.IsSingle)
        {
            _end = from < _end && keys.Compare(from, _range.Start.Span) == 0 ? from + 1 : from;
            _last = true;
            return;
        }

        var end = _range.End.Span;
        if (!_range.IsOpen && _end > 0 && keys.Compare(_end - 1, end) >= 0)
        {
            _end = keys.LowerBound(end);
            _last = true;
            return;
        }

        _last = _parent is null || _slot + 1 == _parent.Slots.Length
            ? _beyondParent is null || !_range.IsOpen && _beyondParent.AsSpan().SequenceCompareTo(end) >= 0
            : !_range.IsOpen && _parent.Separators.Compare(_slot, end) >= 0;
    }

    private void Reserve(int length)
    {
        if (_key.Length < length)
            Array.Resize(ref _key, Math.Max(length, _key.Length * 2));
    }
}
