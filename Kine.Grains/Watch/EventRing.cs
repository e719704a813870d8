namespace Kine.Grains.Watch;

/// <summary>
/// The newest events, in order, bounded by bytes and by count; the oldest revisions leave first, always whole. A worked example, events written as
/// revision.sub, with room for four:
/// <code>
/// Load(first 3, last 5, [3.0 5.0])   covers 3..5: revision 4 had no event of its own
/// Append([6.0 6.1], last 6)          covers 3..6
/// Append([7.0], last 7)              3.0 leaves: covers 4..7
/// </code>
/// Pairs may lie in slabs. Events come and go in the order in which slabs are filled, so only the oldest and the newest slab are held for a part of them; the
/// empty end of a slab, a sixteenth at most, is not counted.
/// A new ring covers nothing: revisions from 1 on are ahead of it. Not safe for use by several threads: the hub's lock guards it.
/// </summary>
public sealed class EventRing(long maxBytes, int maxEvents)
{
    private const int EventOverhead = 160; // bytes: the event object, its two memory owners and the slot

    private KeyEvent?[] _slots = new KeyEvent?[256];
    private int _head;

    /// <summary>First revision whose events are all here; above <see cref="Last"/> when nothing is covered.</summary>
    public long First { get; private set; } = 1;

    /// <summary>Last revision covered.</summary>
    public long Last { get; private set; }

    /// <summary>Events held.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes accounted for the events held.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes of all events that have left so far.</summary>
    public long EvictedBytes { get; private set; }

    /// <summary>Forgets everything and takes the log's tail: all events of revisions from <paramref name="first"/> to <paramref name="last"/>.</summary>
    public void Load(long first, long last, IReadOnlyList<KeyEvent> tail)
    {
        Array.Clear(_slots);
        EvictedBytes += Bytes;
        (_head, Count, Bytes) = (0, 0, 0);
        (First, Last) = (first, first - 1);
        Append(tail, 0, last);
    }

    /// <summary>Takes the events from index <paramref name="start"/> on, which follow <see cref="Last"/> and reach up to <paramref name="last"/>.</summary>
    public void Append(IReadOnlyList<KeyEvent> events, int start, long last)
    {
        for (var i = start; i < events.Count; i++)
        {
            if (Count == _slots.Length)
                Grow();

            _slots[(_head + Count) & (_slots.Length - 1)] = events[i];
            Count++;
            Bytes += SizeOf(events[i]);
            if (Bytes > 2 * maxBytes || Count > 2 * (long)maxEvents)
                Trim();
        }

        Last = last;
        Trim();
    }

    /// <summary>
    /// Adds events from revision <paramref name="from"/> on to <paramref name="into"/>: whole revisions, about as many as the limits say, at least
    /// one. False when the ring does not cover <paramref name="from"/>. <paramref name="through"/> is the last revision answered for.
    /// </summary>
    public bool TryRead(long from, int maxEvents, long maxBytes, List<KeyEvent> into, out long through)
    {
        through = Last;
        if (from < First || from > Last)
            return false;

        long bytes = 0;
        var taken = 0;
        for (var i = IndexOf(from); i < Count; i++)
        {
            var e = At(i);
            bytes += e.KeyValue.Length;
            if (taken > 0 && e.Revision != At(i - 1).Revision && (taken >= maxEvents || bytes > maxBytes))
            {
                through = e.Revision - 1;
                return true;
            }

            into.Add(e);
            taken++;
        }

        return true;
    }

    /// <summary>Bytes that an event is accounted with.</summary>
    internal static long SizeOf(KeyEvent e) => e.Key.Length + e.KeyValue.Length + EventOverhead;

    private KeyEvent At(int index) => _slots[(_head + index) & (_slots.Length - 1)]!;

    private int IndexOf(long revision)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (At(middle).Revision < revision)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    private void Trim()
    {
        while (Count > 0 && (Bytes > maxBytes || Count > maxEvents))
        {
            var revision = At(0).Revision;
            while (Count > 0 && At(0).Revision == revision)
            {
                var size = SizeOf(At(0));
                Bytes -= size;
                EvictedBytes += size;
                _slots[_head] = null;
                _head = (_head + 1) & (_slots.Length - 1);
                Count--;
            }

            First = revision + 1;
        }
    }

    private void Grow()
    {
        var slots = new KeyEvent?[_slots.Length * 2];
        for (var i = 0; i < Count; i++)
            slots[i] = At(i);

        (_slots, _head) = (slots, 0);
    }
}
