namespace Kine.Grains.Watch;

/// <summary>Takes events into the chains, and brings to the streams and waiters what that means for them.</summary>
public sealed partial class WatchHub
{
    private const int InlineWakes = 16; // above it another thread wakes the streams, so that the publisher can go on

    private readonly List<WatchGroup> _extended = [];
    private Publication? _spare;

    /// <summary>Applies the events above the hub's revision; the caller made sure that none is missing between.</summary>
    private void Apply(IReadOnlyList<KeyEvent> events, long last, Publication publication)
    {
        var start = 0;
        while (start < events.Count && events[start].Revision <= _revision)
            start++;

        _ring.Append(events, start, last);
        foreach (var group in _groups.Match(events, start))
            Extend(group, publication);

        Announce(publication);
        Volatile.Write(ref _revision, last);
        if (_ring.EvictedBytes - _sweptBytes > _options.RingBytes / 8)
            Sweep(publication);
    }

    private void Extend(WatchGroup group, Publication publication)
    {
        if (group.Synced.Count == 0)
        {
            group.DropMatched();
        }
        else if (!group.WantsPrevious || !HasPrevious(group.Matched, _compactRevision))
        {
            group.Extend(ready: true);
            _extended.Add(group);
        }
        else if (_fetches < MaxFetches)
        {
            publication.Fetch.Add(new PreviousFetch(group, group.Extend(ready: false)));
        }
        else
        {
            // The store is too slow for live previous pairs: these watchers go on by catching up, which asks for one page at a time.
            var next = group.Matched[0].Revision;
            group.DropMatched();
            for (var i = group.Synced.Count - 1; i >= 0; i--)
                DropOut(group.Synced[i], next, publication);
        }
    }

    /// <summary>Tells the watchers of the extended groups.</summary>
    private void Announce(Publication publication)
    {
        if (_extended.Count == 0)
            return;
        // The chains must be seen extended by whoever's flag is read as "queued" here; see WatchStream.Next for the other half.
        Interlocked.MemoryBarrier();
        foreach (var group in _extended)
        {
            for (var i = group.Synced.Count - 1; i >= 0; i--)
            {
                var watcher = group.Synced[i];
                if (watcher.Stream.Notify(watcher))
                    publication.Wake.Add(watcher.Stream);
            }
        }

        _extended.Clear();
    }

    /// <summary>Puts aside whom the ring has outrun, so that the chains hold nothing that the ring does not. What else is kept of old events leaves its slabs.</summary>
    private void Sweep(Publication publication)
    {
        _sweptBytes = _ring.EvictedBytes;
        foreach (var stream in _streams)
        {
            if (stream.DropBehind(_ring.First, publication.Outrun))
                publication.Wake.Add(stream);
        }
    }

    /// <summary>Moves to a revision without the events before it: all watchers are behind now.</summary>
    private void Restart(long revision, Publication publication)
    {
        foreach (var stream in _streams)
        {
            foreach (var watcher in stream.Watchers)
            {
                if (watcher.State == WatcherState.Synced)
                    DropOut(watcher, _revision + 1, publication);
            }
        }

        _ring.Load(revision + 1, revision, []);
        _pages.Clear();
        Volatile.Write(ref _revision, revision);
    }

    private void DropOut(Watcher watcher, long next, Publication publication)
    {
        if (watcher.Stream.DropOut(watcher, next))
            publication.Wake.Add(watcher.Stream);
    }

    private void Complete(Publication publication)
    {
        for (var i = _waiters.Count - 1; i >= 0; i--)
        {
            if (_waiters[i].Revision > _revision)
                continue;

            publication.Waiters.Add(_waiters[i]);
            _waiters[i] = _waiters[^1];
            _waiters.RemoveAt(_waiters.Count - 1);
        }
    }

    private Publication Rent() => Interlocked.Exchange(ref _spare, null) ?? new Publication();

    /// <summary>Does outside the lock what a change has brought.</summary>
    private void Finish(Publication publication)
    {
        foreach (var waiter in publication.Waiters)
            waiter.TrySetResult();

        if (publication.Fetch.Count > 0)
            _ = FetchPrevious([.. publication.Fetch]);

        if (publication.Outrun.Count > 0)
            ThreadPool.UnsafeQueueUserWorkItem(static runs => Array.ForEach(runs, static run => run.LeaveSlabs()), publication.Outrun.ToArray(), preferLocal: false);

        if (publication.Wake.Count > InlineWakes)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static streams => Wake(streams), publication.Wake.ToArray(), preferLocal: false);
        }
        else
        {
            foreach (var stream in publication.Wake)
                stream.Wake();
        }

        publication.Clear();
        _spare = publication;
    }

    private static void Wake(WatchStream[] streams)
    {
        foreach (var stream in streams)
            stream.Wake();
    }

    /// <summary>What is to be done once the lock is released.</summary>
    private sealed class Publication
    {
        public List<WatchStream> Wake { get; } = [];

        public List<PreviousFetch> Fetch { get; } = [];

        public List<RevisionWaiter> Waiters { get; } = [];

        public List<EventRun> Outrun { get; } = [];

        public void Clear()
        {
            Wake.Clear();
            Fetch.Clear();
            Waiters.Clear();
            Outrun.Clear();
        }
    }
}
