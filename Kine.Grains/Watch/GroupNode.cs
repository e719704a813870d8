namespace Kine.Grains.Watch;

/// <summary>
/// A link of a group's chain of live events. Each synced watcher stands on the last link it has sent; what follows is still to send:
/// <code>
/// (start) -> [rev 5] -> [rev 7, 8] -> [rev 9]
///               ^ a slow watcher         ^ Tail: everybody else
/// </code>
/// Links are appended under the hub's lock and read without it. A link that previous pairs are being fetched for is not ready, and nobody passes it.
/// </summary>
internal sealed class GroupNode : EventRun
{
    private GroupNode? _next;
    private int _readers;
    private bool _ready;

    /// <summary>A link that follows <paramref name="before"/>; without one, the start of a chain.</summary>
    public GroupNode(KeyEvent[] events, GroupNode? before, int readers, bool ready)
        : base(events, null)
    {
        Total = (before?.Total ?? 0) + Length;
        _readers = readers;
        _ready = ready;
    }

    /// <summary>Bytes of the chain up to the end of this link; the difference between two links is how far one is behind the other.</summary>
    public long Total { get; }

    /// <summary>True once the link may be sent.</summary>
    public bool IsReady => Volatile.Read(ref _ready);

    /// <summary>The link after this one.</summary>
    public GroupNode? Next
    {
        get => Volatile.Read(ref _next);
        set => Volatile.Write(ref _next, value);
    }

    /// <summary>One more watcher stands here; under the hub's lock and only while this is the last link.</summary>
    public void AddReader() => Interlocked.Increment(ref _readers);

    /// <summary>
    /// A watcher steps on to the next link. The last one cuts the chain behind it: a dead link in the old generation would keep every younger
    /// one alive through the collector's next minor collections.
    /// </summary>
    public void RemoveReader()
    {
        if (Interlocked.Decrement(ref _readers) == 0)
            _next = null;
    }

    /// <summary>Takes the fetched previous pairs and lets watchers pass.</summary>
    public void MakeReady(ReadOnlyMemory<byte>[] previous)
    {
        SetPrevious(previous);
        Volatile.Write(ref _ready, true);
    }
}
