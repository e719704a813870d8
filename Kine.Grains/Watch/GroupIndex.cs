namespace Kine.Grains.Watch;

/// <summary>Finds the groups that an event concerns: those of one key by hash, those of a range by an interval tree.</summary>
internal sealed class GroupIndex
{
    private readonly Dictionary<byte[], List<WatchGroup>> _keys = new(KeyBytes.Comparer);
    private readonly Dictionary<byte[], List<WatchGroup>>.AlternateLookup<ReadOnlySpan<byte>> _keysBySpan;
    private readonly RangeTree _ranges = new();
    private readonly List<WatchGroup> _found = [];
    private readonly List<WatchGroup> _touched = [];

    /// <summary>An empty index.</summary>
    public GroupIndex() => _keysBySpan = _keys.GetAlternateLookup<ReadOnlySpan<byte>>();

    /// <summary>The group of watchers that get these very events, made when there is none.</summary>
    public WatchGroup GetOrAdd(byte[] start, byte[]? end, bool isKey, EventFilter filter, bool wantsPrevious)
    {
        var groups = GroupsOf(start, end, isKey);
        foreach (var group in groups)
        {
            if (group.Filter == filter && group.WantsPrevious == wantsPrevious)
                return group;
        }

        var added = new WatchGroup(start, end, isKey, filter, wantsPrevious);
        groups.Add(added);
        return added;
    }

    /// <summary>Takes out a group that has no watchers any more.</summary>
    public void Remove(WatchGroup group)
    {
        var groups = GroupsOf(group.Start, group.End, group.IsKey);
        groups.Remove(group);
        if (groups.Count > 0)
            return;

        if (group.IsKey)
            _keys.Remove(group.Start);
        else
            _ranges.Remove(group.Start, group.End);
    }

    /// <summary>
    /// Hands each event from index <paramref name="start"/> on to the groups it concerns, in their <see cref="WatchGroup.Matched"/>, and gives
    /// the groups that got any. The list is valid until the next call.
    /// </summary>
    public List<WatchGroup> Match(IReadOnlyList<KeyEvent> events, int start)
    {
        _touched.Clear();
        for (var i = start; i < events.Count; i++)
        {
            var e = events[i];
            _found.Clear();
            if (_keys.Count > 0 && _keysBySpan.TryGetValue(e.Key.Span, out var ofKey))
                _found.AddRange(ofKey);

            _ranges.Find(e.Key.Span, _found);
            foreach (var group in _found)
            {
                if (!group.Passes(e))
                    continue;

                if (group.Matched.Count == 0)
                    _touched.Add(group);

                group.Matched.Add(e);
            }
        }

        return _touched;
    }

    private List<WatchGroup> GroupsOf(byte[] start, byte[]? end, bool isKey)
    {
        if (!isKey)
            return _ranges.GetOrAdd(start, end);

        if (!_keys.TryGetValue(start, out var groups))
            _keys.Add(start, groups = []);

        return groups;
    }
}
