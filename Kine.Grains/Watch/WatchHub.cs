namespace Kine.Grains.Watch;

/// <summary>
/// All watches of one process (etcd's watchable store): takes what was published, in order, and lets every stream read what concerns it. Recent events
/// stay in a ring; whoever is behind is served from there or from the log, in its own time.
/// </summary>
/// <remarks>
/// <see cref="Publish"/> never waits and does no I/O: it extends the chain of each group of equal watches that the events concern and wakes the
/// streams that were idle. Streams read the chains without the hub's lock. Batches may be repeated, lost or come out of order; the hub applies only
/// what joins on to its revision and pulls gaps from the history. A new hub has seen nothing: <see cref="Load"/> it before clients come.
/// </remarks>
public sealed partial class WatchHub(IEventHistory history, WatchHubOptions options, TimeProvider time) : IDisposable
{
    /// <summary>Shortest interval of progress replies, as in etcd.</summary>
    public static readonly TimeSpan MinProgressInterval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new(); // guards all fields below; taken before any stream's lock, never held across I/O
    private readonly IEventHistory _history = history;
    private readonly WatchHubOptions _options = options;
    private readonly CancellationTokenSource _stopping = new();
    private readonly GroupIndex _groups = new();
    private readonly EventRing _ring = new(options.RingBytes, options.RingEvents);
    private readonly HashSet<WatchStream> _streams = [];
    private readonly List<RevisionWaiter> _waiters = [];
    private ReplyIdentity _identity = new(0, 0, 0);
    private EtcdException? _stopped;
    private EtcdException? _leaderless; // set while no writer can be reached that would feed this hub
    private long _revision;
    private long _compactRevision;
    private long _sweptBytes;
    private int _watchers;

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
            {
                return _streams.Count;
            }
        }
    }

    /// <summary>True while no writer feeds this hub, see <see cref="LoseLeader"/>.</summary>
    public bool IsLeaderless
    {
        get
        {
            lock (_gate)
            {
                return _leaderless is not null;
            }
        }
    }

    /// <summary>Watches that are neither cancelled nor compacted.</summary>
    public int WatcherCount => Volatile.Read(ref _watchers);

    /// <summary>Watches that are catching up (etcd: slow watchers).</summary>
    public int UnsyncedCount => Volatile.Read(ref _unsynced);

    /// <summary>Revisions that the ring of recent events covers; First is above Last when it covers none.</summary>
    public (long First, long Last) RingRange
    {
        get
        {
            lock (_gate)
            {
                return (_ring.First, _ring.Last);
            }
        }
    }

    internal TimeProvider Time { get; } = time;

    /// <summary>
    /// Starts at a published revision, with the log's tail for the ring: all events of revisions from <paramref name="first"/> to
    /// <paramref name="revision"/>; with none, first is revision + 1. What was published meanwhile is applied on top. Watches that exist already, as
    /// after a loss of data in the store, go on behind what they were sent, or are cancelled as compacted if the mark is above it.
    /// </summary>
    public void Load(long first, long revision, long compactRevision, IReadOnlyList<KeyEvent> tail)
    {
        var publication = Rent();
        lock (_gate)
        {
            RaiseMark(compactRevision);
            Restart(revision, publication);
            _ring.Load(first, revision, tail);
            _loaded = true;
            _leaderless = null;
            ApplyBuffered(publication);
            Complete(publication);
        }

        Finish(publication);
    }

    /// <summary>True when this hub was fed up to a revision that what comes from <paramref name="first"/> to <paramref name="last"/> joins on to.</summary>
    public bool FollowsWithin(long first, long last)
    {
        lock (_gate)
        {
            return _loaded && _leaderless is null && _revision >= first - 1 && _revision <= last;
        }
    }

    /// <summary>
    /// Takes a batch. Returns at once: what is not the next one is dropped when known, and else buffered while the gap before it is pulled.
    /// </summary>
    public void Publish(EventBatch batch)
    {
        var publication = Rent();
        lock (_gate)
        {
            RaiseMark(batch.CompactRevision);
            if (_stopped is null && (!_loaded || batch.LastRevision > _revision))
            {
                if (_loaded && batch.PreviousRevision <= _revision)
                {
                    Apply(batch.Events, batch.LastRevision, publication);
                    ApplyBuffered(publication);
                }
                else
                {
                    Buffer(batch);
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
                return Task.FromException(_stopped.Copy());

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
                throw reason.Copy();

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
        foreach (var waiter in waiters)
            waiter.TrySetException(error.Copy());

        foreach (var stream in streams)
            stream.End(error.Copy());
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

        foreach (var stream in streams)
            stream.End(EtcdErrors.LeaderChanged);
    }

    /// <summary>Stops with "server stopped", if it was not stopped otherwise.</summary>
    public void Dispose() => Stop(EtcdErrors.ServerStopped);

    private void RaiseMark(long compactRevision)
    {
        if (compactRevision > _compactRevision)
            Volatile.Write(ref _compactRevision, compactRevision);
    }

    private async Task WaitOrLeave(RevisionWaiter waiter, CancellationToken cancellationToken)
    {
        await using var registration = cancellationToken.UnsafeRegister(
            (_, token) =>
            {
                lock (_gate)
                {
                    _waiters.Remove(waiter);
                }

                waiter.TrySetCanceled(token);
            },
            null);
        await waiter.Task.ConfigureAwait(false);
    }

    private sealed class RevisionWaiter(long revision) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public long Revision { get; } = revision;
    }
}
