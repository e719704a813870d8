namespace Kine.Grains.Watch;

/// <summary>Which kinds of events a watch leaves out.</summary>
[Flags]
internal enum EventFilter
{
    None = 0,
    NoPut = 1,
    NoDelete = 2,
}

/// <summary>
/// All watchers that are sent the very same events: same range, same filters, same wish for previous pairs. Matching is done once for a group,
/// whatever the number of its watchers. Guarded by the hub's lock.
/// </summary>
internal sealed class WatchGroup(byte[] start, byte[]? end, bool isKey, EventFilter filter, bool wantsPrevious)
{
    /// <summary>First key of the range, or the one key.</summary>
    public byte[] Start { get; } = start;

    /// <summary>First key after the range; null when the range has no end, or for one key.</summary>
    public byte[]? End { get; } = end;

    /// <summary>True when only the key <see cref="Start"/> is watched.</summary>
    public bool IsKey { get; } = isKey;

    /// <summary>Events left out.</summary>
    public EventFilter Filter { get; } = filter;

    /// <summary>True when prev_kv is sent.</summary>
    public bool WantsPrevious { get; } = wantsPrevious;

    /// <summary>Watchers in any state.</summary>
    public int Members { get; set; }

    /// <summary>Watchers that stand in the chain.</summary>
    public List<Watcher> Synced { get; } = [];

    /// <summary>Last link of the chain.</summary>
    public GroupNode Tail { get; private set; } = new([], null, 0, true);

    /// <summary>Events of the batch or page that is being matched.</summary>
    public List<KeyEvent> Matched { get; } = [];

    /// <summary>True when the range holds the key.</summary>
    public bool Contains(ReadOnlySpan<byte> key) => IsKey
        ? key.SequenceEqual(Start)
        : key.SequenceCompareTo(Start) >= 0 && (End is null || key.SequenceCompareTo(End) < 0);

    /// <summary>True when the filters let the event pass.</summary>
    public bool Passes(KeyEvent e) =>
        Filter == EventFilter.None || (Filter & (e.Version.IsTombstone ? EventFilter.NoDelete : EventFilter.NoPut)) == 0;

    /// <summary>Puts a watcher at the end of the chain: it is sent what comes from here on.</summary>
    public void Join(Watcher watcher)
    {
        watcher.SyncedAt = Synced.Count;
        Synced.Add(watcher);
        watcher.Cursor = Tail;
        Tail.AddReader();
    }

    /// <summary>Takes a watcher out of the chain.</summary>
    public void Leave(Watcher watcher)
    {
        var last = Synced[^1];
        Synced[watcher.SyncedAt] = last;
        last.SyncedAt = watcher.SyncedAt;
        Synced.RemoveAt(Synced.Count - 1);
        watcher.SyncedAt = -1;
        watcher.Cursor = null;
    }

    /// <summary>Appends the matched events as a new link.</summary>
    public GroupNode Extend(bool ready)
    {
        var node = new GroupNode(TakeMatched(), Tail, Synced.Count, ready);
        Tail.Next = node;
        Tail = node;
        return node;
    }

    /// <summary>The matched events, which are then forgotten here.</summary>
    public KeyEvent[] TakeMatched()
    {
        KeyEvent[] events = [.. Matched];
        DropMatched();
        return events;
    }

    /// <summary>Forgets the matched events.</summary>
    public void DropMatched()
    {
        Matched.Clear();
        if (Matched.Capacity > 1024)
            Matched.Capacity = 0; // one huge transaction must not leave its list with every group
    }
}
