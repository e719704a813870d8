namespace Kine.Grains.Watch;

/// <summary>
/// The pages of the log that were read last, for those who come by a little later: watchers that began together part as soon as their clients read at
/// different speeds. Bounded by bytes, the oldest page leaves first. The hub's lock guards it.
/// </summary>
internal sealed class PageCache(long maxBytes)
{
    private const int MaxPages = 16; // one is looked for by walking them

    private readonly Queue<Page> _pages = new();
    private long _bytes;

    /// <summary>Keeps a page, unless it alone is beyond the bound.</summary>
    public void Add(long from, long through, IReadOnlyList<KeyEvent> events)
    {
        long bytes = 0;
        foreach (var e in events)
            bytes += EventRing.SizeOf(e);

        if (bytes > maxBytes)
            return;

        _pages.Enqueue(new Page(from, through, [.. events], bytes));
        _bytes += bytes;
        while (_bytes > maxBytes || _pages.Count > MaxPages)
            _bytes -= _pages.Dequeue().Bytes;
    }

    /// <summary>Forgets all pages.</summary>
    public void Clear()
    {
        _pages.Clear();
        _bytes = 0;
    }

    /// <summary>Adds the events from revision <paramref name="from"/> on of a page that covers it; false when none does.</summary>
    public bool TryRead(long from, List<KeyEvent> into, ref long through)
    {
        foreach (var page in _pages)
        {
            if (from < page.From || from > page.Through)
                continue;

            foreach (var e in page.Events)
            {
                if (e.Revision >= from)
                    into.Add(e);
            }

            through = page.Through;
            return true;
        }

        return false;
    }

    private sealed record Page(long From, long Through, KeyEvent[] Events, long Bytes);
}
