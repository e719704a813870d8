using Kine.Grains.Values;

namespace Kine.Grains.Watch;

/// <summary>Events that go out together to every watcher of one <see cref="WatchGroup"/>, with their previous pairs where these are wanted.</summary>
internal class EventRun
{
    private const int DenseShare = 4; // of its slabs has to be the run's own
    private static readonly ReadOnlyMemory<byte>[] None = [];

    private bool _outrun; // once the ring does not have all of it any more; under the hub's lock

    /// <summary>A run of events in order; <paramref name="previous"/> is parallel to them, or null when no previous pairs are sent.</summary>
    public EventRun(KeyEvent[] events, ReadOnlyMemory<byte>[]? previous)
    {
        Events = events;
        Previous = previous ?? None;
        Length = LengthOf(0, events.Length);
    }

    /// <summary>The events. <see cref="LeaveSlabs"/> puts equal ones in their place while others read, so nothing may be told by their identity once it may be sent.</summary>
    public KeyEvent[] Events { get; private set; }

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

    /// <summary>True the first time that the ring is seen to begin behind the first event; under the hub's lock.</summary>
    public bool TryMarkOutrun(long firstInRing)
    {
        if (_outrun || Events.Length == 0 || FirstRevision >= firstInRing)
            return false;

        _outrun = true;
        return true;
    }

    /// <summary>
    /// Copies the pairs of a run that outlives the ring, unless they are a good part of the slabs they lie in: an unread reply, or the last link of a quiet group,
    /// may stay for hours. On any thread, while others read.
    /// </summary>
    public void LeaveSlabs()
    {
        var events = Events;
        PairSlab? last = null;
        long slabs = 0, bytes = 0;
        foreach (var e in events)
        {
            if (PairSlab.Of(e.KeyValue) is not { } slab)
                continue;

            slabs += slab == last ? 0 : 1;
            bytes += e.KeyValue.Length;
            last = slab;
        }

        if (bytes < slabs * PairSlab.Size / DenseShare)
            Events = Array.ConvertAll(events, static e => e.Copy());
    }

    /// <summary>Takes the previous pairs that were fetched; before anybody reads the run.</summary>
    protected void SetPrevious(ReadOnlyMemory<byte>[] previous)
    {
        Previous = previous;
        Length = 0;
        Length = LengthOf(0, Events.Length);
    }
}
