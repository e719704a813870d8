namespace Kine.Grains.Watch;

/// <summary>
/// All watches of one process (etcd's watchable store): takes what was published, in order, and lets every stream read what concerns it. Recent events
/// stay in a ring; whoever is behind is served from there or from the log, in its own time.
/// </summary>
/// <remarks>
/// <see cref="Publish"/> never waits and does no I/O: it extends the chain of each group of equal watches that the events concern and wakes the
/// streams that were idle. Streams read the chains without the hub's lock. Batches may be repeated, lost or come out of order; the hub applies only
/// what joins on to its revision and pulls gaps from the history.
/// </remarks>
public sealed partial class WatchHub : IDisposable
{
    /// <summary>Shortest interval of progress replies, as in etcd.</summary>
    public static readonly TimeSpan MinProgressInterval = TimeSpan.FromMilliseconds(100);

    private const int InlineWakes = 16; // above it another thread wakes the streams, so that the publisher can go on

    private readonly Lock _gate = new(); // guards all fields below; taken before any stream's lock, never held across I/O
    private readonly IEventHistory _history;
    private readonly WatchHubOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly GroupIndex _groups = new();
    private readonly EventRing _ring;
    private readonly HashSet<WatchStream> _streams = [];
    private readonly List<RevisionWaiter> _waiters = [];
    private readonly List<WatchGroup> _extended = [];
    private Publication? _spare;
    private ReplyIdentity _identity = new(0, 0, 0);
    private EtcdException? _stopped;
    private EtcdException? _leaderless; // set while no writer can be reached that would feed this hub
    private long _revision;
    private long _compactRevision;
    private long _sweptBytes;
    private int _watchers;

    /// <summary>A hub that has seen nothing yet: <see cref="Load"/> it before clients come.</summary>
    public WatchHub(IEventHistory history, WatchHubOptions options, TimeProvider time)
    {
        _history = history;
        _options = options;
        Time = time;
        _ring = new EventRing(options.RingBytes, options.RingEvents);
    }

    /// <summary>Last revision applied: every event up to it is with its watchers or on its way to them.</summary>
    public long Revision => Volatile.Read(ref _revision);

    /// <summary>The compaction mark as known here, -1 before any compaction.</summary>
    public long CompactRevision => Math.Max(Volatile.Read(ref _compactRevision), _history.CompactRevision);

    /// <summary>Who answers, for reply headers; set at start and when the term changes.</summary>
    public ReplyIdentity Identity
    {
        get => Volatile.Read(ref _identity);
        set => Volatile.Write(ref _identity, value);
    }

    /// <summary>Streams open.</summary>
    public int StreamCount
    {
        get
        {
            lock (_gate)
                return _streams.Count;
        }
    }

    /// <summary>True while no writer feeds this hub, see <see cref="LoseLeader"/>.</summary>
    public bool IsLeaderless
    {
        get
        {
            lock (_gate)
                return _leaderless is not null;
        }
    }

    /// <summary>Watches that are neither cancelled nor compacted.</summary>
    public int WatcherCount => Volatile.Read(ref _watchers);

    /// <summary>Watches that are catching up (etcd: slow watchers).</summary>
    public int UnsyncedCount => Volatile.Read(ref _unsynced);

    /// <summary>Events handed to streams since the start, each counted for every watch that got it.</summary>
    public long EventsSent => Volatile.Read(ref _eventsSent);

    /// <summary>Revisions that the ring of recent events covers; First is above Last when it covers none.</summary>
    public (long First, long Last) RingRange
    {
        get
        {
            lock (_gate)
                return (_ring.First, _ring.Last);
        }
    }

    internal TimeProvider Time { get; }

    /// <summary>
    /// Starts at a published revision, with the log's tail for the ring: all events of revisions from <paramref name="first"/> to
    /// <paramref name="revision"/>; with none, first is revision + 1. What was published meanwhile is applied on top. Watches that exist already, as
    /// after a loss of data in the store, go on behind what they were sent, or are cancelled as compacted if the mark is above it.
    /// </summary>
    public void Load(long first, long revision, long compactRevision, IReadOnlyList<KeyEvent> tail)
    {
        Publication publication = Rent();
        lock (_gate)
        {
            RaiseMark(compactRevision);
            Restart(revision, publication);
            _ring.Load(first, revision, tail);
            _loaded = true;
            _leaderless = null;
            ApplyHeld(publication);
            Complete(publication);
        }

        Finish(publication);
    }

    /// <summary>
    /// Takes a batch. Returns at once: what is not the next one is dropped when known, and else held while the gap before it is pulled.
    /// </summary>
    public void Publish(EventBatch batch)
    {
        Publication publication = Rent();
        lock (_gate)
        {
            RaiseMark(batch.CompactRevision);
            if (_stopped is null && (!_loaded || batch.LastRevision > _revision))
            {
                if (_loaded && batch.PreviousRevision <= _revision)
                {
                    Apply(batch.Events, batch.LastRevision, publication);
                    ApplyHeld(publication);
                }
                else
                {
                    Hold(batch);
                }

                Complete(publication);
            }
        }

        Finish(publication);
    }

    /// <summary>Completes when <see cref="Revision"/> has reached <paramref name="revision"/>. Throws when the hub is stopped.</summary>
    public Task WaitForRevision(long revision, CancellationToken cancellationToken)
    {
        if (Revision >= revision)
            return Task.CompletedTask;
        lock (_gate)
        {
            if (_revision >= revision)
                return Task.CompletedTask;
            if (_stopped is not null)
                return Task.FromException(StoppedError());
            var waiter = new RevisionWaiter(revision);
            _waiters.Add(waiter);
            return cancellationToken.CanBeCanceled ? WaitOrLeave(waiter, cancellationToken) : waiter.Task;
        }
    }

    /// <summary>Opens a stream for one client. Throws when the hub is stopped.</summary>
    public WatchStream OpenStream()
    {
        lock (_gate)
        {
            if ((_stopped ?? _leaderless) is { } reason)
                throw new EtcdException(reason.Code, reason.Message);
            var stream = new WatchStream(this, _options);
            _streams.Add(stream);
            return stream;
        }
    }

    /// <summary>Ends all streams with the error, for good: the server stops, or the leader changed.</summary>
    public void Stop(EtcdException error)
    {
        WatchStream[] streams;
        RevisionWaiter[] waiters;
        lock (_gate)
        {
            if (_stopped is not null)
                return;
            _stopped = error;
            streams = [.. _streams];
            waiters = [.. _waiters];
            _waiters.Clear();
        }

        _stopping.Cancel();
        foreach (RevisionWaiter waiter in waiters)
            waiter.TrySetException(StoppedError());
        foreach (WatchStream stream in streams)
            stream.End(StoppedError());
    }

    /// <summary>
    /// Another process has become the writer: streams end with "leader changed", and new ones are refused with "no leader" until <see cref="Load"/>.
    /// </summary>
    /// <param name="still">Asked under the hub's lock, so that a writer that came here meanwhile, and loads the hub next, is not missed.</param>
    public void LoseLeader(Func<bool> still)
    {
        WatchStream[] streams;
        lock (_gate)
        {
            if (_stopped is not null || _leaderless is not null || !still())
                return;
            _leaderless = EtcdErrors.NoLeader;
            streams = [.. _streams];
        }

        foreach (WatchStream stream in streams)
            stream.End(EtcdErrors.LeaderChanged);
    }

    /// <summary>Stops with "server stopped", if it was not stopped otherwise.</summary>
    public void Dispose() => Stop(EtcdErrors.ServerStopped);

    private EtcdException StoppedError() => new(_stopped!.Code, _stopped.Message);

    private void RaiseMark(long compactRevision)
    {
        if (compactRevision > _compactRevision)
            Volatile.Write(ref _compactRevision, compactRevision);
    }

    /// <summary>Applies the events above the hub's revision; the caller made sure that none is missing between.</summary>
    private void Apply(IReadOnlyList<KeyEvent> events, long last, Publication publication)
    {
        int start = 0;
        while (start < events.Count && events[start].Revision <= _revision)
            start++;
        _ring.Append(events, start, last);
        foreach (WatchGroup group in _groups.Match(events, start))
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
            long next = group.Matched[0].Revision;
            group.DropMatched();
            for (int i = group.Synced.Count - 1; i >= 0; i--)
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
        foreach (WatchGroup group in _extended)
        {
            for (int i = group.Synced.Count - 1; i >= 0; i--)
            {
                Watcher watcher = group.Synced[i];
                if (watcher.Stream.Notify(watcher))
                    publication.Wake.Add(watcher.Stream);
            }
        }

        _extended.Clear();
    }

    /// <summary>Puts aside whom the ring has outrun, so that the chains hold nothing that the ring does not.</summary>
    private void Sweep(Publication publication)
    {
        _sweptBytes = _ring.EvictedBytes;
        foreach (WatchStream stream in _streams)
        {
            if (stream.DropBehind(_ring.First))
                publication.Wake.Add(stream);
        }
    }

    /// <summary>Moves to a revision without the events before it: all watchers are behind now.</summary>
    private void Restart(long revision, Publication publication)
    {
        foreach (WatchStream stream in _streams)
        {
            foreach (Watcher watcher in stream.Watchers)
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
        for (int i = _waiters.Count - 1; i >= 0; i--)
        {
            if (_waiters[i].Revision > _revision)
                continue;
            publication.Reached.Add(_waiters[i]);
            _waiters[i] = _waiters[^1];
            _waiters.RemoveAt(_waiters.Count - 1);
        }
    }

    private async Task WaitOrLeave(RevisionWaiter waiter, CancellationToken cancellationToken)
    {
        await using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            (_, token) =>
            {
                lock (_gate)
                    _waiters.Remove(waiter);
                waiter.TrySetCanceled(token);
            },
            null);
        await waiter.Task.ConfigureAwait(false);
    }

    private Publication Rent() => Interlocked.Exchange(ref _spare, null) ?? new Publication();

    /// <summary>Does outside the lock what a change has brought.</summary>
    private void Finish(Publication publication)
    {
        foreach (RevisionWaiter waiter in publication.Reached)
            waiter.TrySetResult();
        if (publication.Fetch.Count > 0)
            _ = FetchPrevious([.. publication.Fetch]);
        if (publication.Wake.Count > InlineWakes)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static streams => Wake(streams), publication.Wake.ToArray(), preferLocal: false);
        }
        else
        {
            foreach (WatchStream stream in publication.Wake)
                stream.Wake();
        }

        publication.Clear();
        _spare = publication;
    }

    private static void Wake(WatchStream[] streams)
    {
        foreach (WatchStream stream in streams)
            stream.Wake();
    }

    /// <summary>What is to be done once the lock is released.</summary>
    private sealed class Publication
    {
        public List<WatchStream> Wake { get; } = [];

        public List<PreviousFetch> Fetch { get; } = [];

        public List<RevisionWaiter> Reached { get; } = [];

        public void Clear()
        {
            Wake.Clear();
            Fetch.Clear();
            Reached.Clear();
        }
    }

    private sealed class RevisionWaiter(long revision) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Revision { get; } = revision;
    }
}
