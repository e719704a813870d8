using Kine.Etcd;

namespace Kine.Grains.Watch;

/// <summary>The stream's watches, as client and hub change them.</summary>
public sealed partial class WatchStream
{
    private const string EmptyRange = "mvcc: watcher range is empty";
    private const string DuplicateId = "mvcc: duplicate watch ID provided on the WatchStream";
    private static readonly byte[] SmallestKey = [0];

    internal IEnumerable<Watcher> Watchers => _watchers.Values;

    /// <summary>A watch that is not begun is answered by one reply that is created and cancelled at once, as etcd does.</summary>
    private void Create(WatchCreateRequest request)
    {
        var start = request.Key.IsEmpty ? SmallestKey : request.Key.ToByteArray();
        var end = request.RangeEnd.ToByteArray();
        var isKey = end.Length == 0;
        var endless = end is [0];
        if (request.StartRevision < 0)
            Refuse(EtcdErrors.CompactedText);
        else if (!isKey && !endless && start.AsSpan().SequenceCompareTo(end) >= 0)
            Refuse(EmptyRange);
        else if (!_hub.Create(this, request, start, isKey || endless ? null : end, isKey))
            Refuse(DuplicateId);
    }

    private void Refuse(string reason) =>
        SendControl(new ControlReply(ControlReply.NoWatch, _hub.Revision) { Created = true, Canceled = true, CancelReason = reason });

    internal void SendControl(in ControlReply reply)
    {
        lock (_gate)
        {
            _control.Enqueue(reply);
            WakeReader();
        }
    }

    /// <summary>
    /// Adds a watch and queues its created reply, before anything can be sent for it; null when the id is taken or the stream has ended. Under the
    /// hub's lock.
    /// </summary>
    internal Watcher? Add(WatchCreateRequest request, WatchGroup group, long revision)
    {
        lock (_gate)
        {
            var id = request.WatchId;
            if (_ended || (id != 0 && _watchers.ContainsKey(id)))
                return null;

            if (id == 0)
            {
                while (_watchers.ContainsKey(_nextId))
                    _nextId++;

                id = _nextId++;
            }

            var synced = request.StartRevision == 0 || request.StartRevision > revision;
            var watcher = new Watcher(this, id, group, request.StartRevision)
            {
                ProgressNotify = request.ProgressNotify,
                Fragment = request.Fragment,
                State = synced ? WatcherState.Synced : WatcherState.Unsynced,
                Next = request.StartRevision == 0 ? revision + 1 : request.StartRevision,
            };
            _watchers.Add(id, watcher);
            _control.Enqueue(new ControlReply(id, revision) { Created = true });
            if (synced)
            {
                group.Join(watcher);
            }
            else
            {
                _hub.CountUnsynced(1);
                Enqueue(watcher);
            }

            if (request.ProgressNotify)
                StartTicks();

            WakeReader();
            return watcher;
        }
    }

    /// <summary>Takes out a watch and queues the reply to its cancellation, if there is one of that id. Under the hub's lock.</summary>
    internal void Cancel(long id, long revision)
    {
        lock (_gate)
        {
            if (_ended || !_watchers.Remove(id, out var watcher))
                return;

            Remove(watcher);
            _control.Enqueue(new ControlReply(id, revision) { Canceled = true });
            WakeReader();
        }
    }

    /// <summary>Takes out all watches of a stream that has ended. Under the hub's lock.</summary>
    internal void RemoveAll()
    {
        lock (_gate)
        {
            foreach (var watcher in _watchers.Values)
                Remove(watcher);

            _watchers.Clear();
            _ready.Clear();
            _control.Clear();
        }
    }

    /// <summary>Cancels a watch whose next revision is compacted away; under the hub's lock.</summary>
    internal void CancelCompacted(Watcher watcher, long compactRevision)
    {
        lock (_gate)
        {
            if (_ended || watcher.State != WatcherState.Unsynced)
                return;

            Remove(watcher);
            watcher.State = WatcherState.Compacted;
            _control.Enqueue(new ControlReply(watcher.Id, 0) { Canceled = true, CompactRevision = compactRevision });
            WakeReader();
        }
    }

    /// <summary>
    /// Hands a watcher the past up to <paramref name="through"/>, and when that is the present, puts it into its group's chain; both at once, so
    /// that nothing can come between. Under the hub's lock. True when the watcher wants more right away, for there was nothing to send.
    /// </summary>
    internal bool Deliver(Watcher watcher, EventRun? run, int from, long through, long revision)
    {
        lock (_gate)
        {
            if (_ended || watcher.State != WatcherState.Unsynced)
                return false;

            watcher.Next = Math.Max(watcher.Next, through + 1);
            if (through >= revision)
            {
                watcher.State = WatcherState.Synced;
                watcher.Group.Join(watcher);
                _hub.CountUnsynced(-1);
            }

            var more = run is null && watcher.State == WatcherState.Unsynced;
            watcher.Requested = more;
            if (run is not null)
            {
                watcher.Piece = new CatchUpPiece(run, from, revision);
                _hub.CountPieces(1);
                Enqueue(watcher);
                WakeReader();
            }

            return more;
        }
    }

    /// <summary>Says that a watcher's chain goes on; under the hub's lock. True when the caller must <see cref="Wake"/> the stream.</summary>
    internal bool Notify(Watcher watcher)
    {
        // The chain's new link was made visible by a full fence before, see WatchHub.Announce.
        if (Volatile.Read(ref watcher.Queued) == 0)
        {
            lock (_gate)
            {
                Enqueue(watcher);
                return TakeWaiting();
            }
        }

        // Read without the stream's lock: the cursor can only have moved on since, and then it is looked at again.
        return watcher.Cursor is { } cursor && IsTooFarBehind(watcher, cursor) && DropSlow(watcher);
    }

    /// <summary>
    /// Makes those watchers unsynced that have something to send from before the ring's first revision; under the hub's lock. True to wake the stream.
    /// <paramref name="outrun"/> gets what is kept of such events otherwise.
    /// </summary>
    internal bool DropBehind(long firstRevision, List<EventRun> outrun)
    {
        lock (_gate)
        {
            var any = false;
            _reply.CollectOutrun(firstRevision, outrun);
            foreach (var watcher in _watchers.Values)
            {
                AddOutrun(watcher.Piece?.Run, firstRevision, outrun);
                AddOutrun(watcher.Cursor, firstRevision, outrun);
                if (watcher.Group.Tail.IsReady)
                    AddOutrun(watcher.Group.Tail, firstRevision, outrun);

                if (watcher.Cursor?.Next is not { } next || next.FirstRevision >= firstRevision)
                    continue;

                MakeUnsynced(watcher, next.FirstRevision);
                any = true;
            }

            return any && TakeWaiting();
        }
    }

    /// <summary>Makes a synced watcher unsynced, to go on with the first event it was not sent, or with <paramref name="next"/>; under the hub's lock.</summary>
    internal bool DropOut(Watcher watcher, long next)
    {
        lock (_gate)
        {
            if (watcher.State == WatcherState.Synced)
                MakeUnsynced(watcher, watcher.Cursor!.Next?.FirstRevision ?? next);

            return TakeWaiting();
        }
    }

    private static void AddOutrun(EventRun? run, long firstRevision, List<EventRun> outrun)
    {
        if (run is not null && run.TryMarkOutrun(firstRevision))
            outrun.Add(run);
    }

    private bool IsTooFarBehind(Watcher watcher, GroupNode cursor) => watcher.Group.Tail.Total - cursor.Total > _options.LagBytes;

    private bool DropSlow(Watcher watcher)
    {
        lock (_gate)
        {
            if (watcher.State != WatcherState.Synced || watcher.Cursor?.Next is not { } next || !IsTooFarBehind(watcher, watcher.Cursor))
                return false;

            MakeUnsynced(watcher, next.FirstRevision);
            return TakeWaiting();
        }
    }

    /// <summary>A watch is over: it is in no chain and gets nothing any more.</summary>
    private void Remove(Watcher watcher)
    {
        if (watcher.State == WatcherState.Synced)
            watcher.Group.Leave(watcher);
        else if (watcher.State == WatcherState.Unsynced)
            _hub.CountUnsynced(-1);

        if (watcher.State != WatcherState.Compacted)
            _hub.Release(watcher);

        if (watcher.Piece is not null)
            _hub.CountPieces(-1);

        watcher.Piece = null;
        watcher.State = WatcherState.Cancelled;
    }

    private void MakeUnsynced(Watcher watcher, long next)
    {
        _hub.CountUnsynced(1);
        watcher.Group.Leave(watcher);
        watcher.State = WatcherState.Unsynced;
        watcher.Next = Math.Max(watcher.Next, next);
        Enqueue(watcher);
    }
}
