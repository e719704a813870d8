namespace Kine.Grains.Watch;

/// <summary>Events that go out together to every watcher of one <see cref="WatchGroup"/>, with their previous pairs where these are wanted.</summary>
internal class EventRun
{
    private static readonly ReadOnlyMemory<byte>[] None = [];

    /// <summary>A run of events in order; <paramref name="previous"/> is parallel to them, or null when no previous pairs are sent.</summary>
    public EventRun(KeyEvent[] events, ReadOnlyMemory<byte>[]? previous)
    {
        Events = events;
        Previous = previous ?? None;
        Length = LengthOf(0, events.Length);
    }

    /// <summary>The events.</summary>
    public KeyEvent[] Events { get; }

    /// <summary>Previous pairs as marshaled mvccpb.KeyValue, empty where there is none; no elements at all when none is sent.</summary>
    public ReadOnlyMemory<byte>[] Previous { get; private set; }

    /// <summary>Bytes of all events fields; without previous pairs until they are there.</summary>
    public long Length { get; private set; }

    /// <summary>Revision of the first event.</summary>
    public long FirstRevision => Events[0].Revision;

    /// <summary>Revision of the last event.</summary>
    public long LastRevision => Events[^1].Revision;

    /// <summary>The previous pair of an event, empty when there is none.</summary>
    public ReadOnlyMemory<byte> PreviousOf(int index) => Previous.Length == 0 ? default : Previous[index];

    /// <summary>Bytes of the events fields from index <paramref name="start"/> up to <paramref name="end"/>.</summary>
    public long LengthOf(int start, int end)
    {
        if (start == 0 && end == Events.Length && Length != 0)
            return Length;

        long length = 0;
        for (var i = start; i < end; i++)
            length += EventWire.FieldLength(Events[i], PreviousOf(i));

        return length;
    }

    /// <summary>Index of the first event at or above a revision.</summary>
    public int IndexOf(long revision)
    {
        if (FirstRevision >= revision)
            return 0;

        int low = 0, high = Events.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (Events[middle].Revision < revision)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }

    /// <summary>Takes the previous pairs that were fetched; before anybody reads the run.</summary>
    protected void SetPrevious(ReadOnlyMemory<byte>[] previous)
    {
        Previous = previous;
        Length = 0;
        Length = LengthOf(0, Events.Length);
    }
}
