namespace Kine.Tests.Chaos;

/// <summary>What a client was told that watched a range through one process from some revision on, over all its streams.</summary>
internal sealed class WatchLog(string name, string from, string to, long start)
{
    private readonly Lock _lock = new(); // protects _items
    private readonly List<Item> _items = [];

    public string Name => name;

    public string From => from;

    public string To => to;

    /// <summary>The first revision that was asked for.</summary>
    public long Start => start;

    /// <summary>The last revision that it must have told of.</summary>
    public long Until { get; set; }

    /// <summary>What came, in order.</summary>
    public IReadOnlyList<Item> Items
    {
        get
        {
            lock (_lock)
            {
                return [.. _items];
            }
        }
    }

    public void Add(long revision, Write change, long now) => Add(new Item(revision, change, now));

    /// <summary>It was said that everything up to that revision has been told.</summary>
    public void AddProgress(long revision, long now) => Add(new Item(revision, null, now));

    private void Add(Item item)
    {
        lock (_lock)
        {
            _items.Add(item);
        }
    }

    /// <summary>A change, or none for a progress notification, and when it came.</summary>
    internal sealed record Item(long Revision, Write? Change, long At);
}
