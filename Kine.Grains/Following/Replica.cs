using Kine.Backends;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.SideState;
using Kine.Grains.Values;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Following;

/// <summary>
/// The whole index in a process that does not hold the writer: what reads here are answered from, and what a writer that begins here begins with. It is loaded from
/// the store and then follows the writer over a channel that may lose, repeat and reorder batches. A worked example, loaded at revision 20:
/// <code>
/// (20, 22]  joins on: applied
/// (20, 22]  a repeat: dropped
/// (25, 26]  a gap: buffered; soon what comes after 22 is pulled, which makes it join on
/// Take      the writer of this process goes on with the index at 26; the replica is empty, and is loaded anew when the writer is elsewhere again
/// </code>
/// Any thread. The index is changed under one lock and read without any.
/// </summary>
public sealed class Replica(IRevisionStore store, ValueReader values, CompactionPins pins, TimeProvider time, ILogger log)
{
    private const int MaxBuffered = 256;
    private const int DropRows = 8192; // in one turn: a millisecond or two
    private const int SweepLeaves = 512;
    private const long LongestTail = 100_000; // revisions that are quicker read than the whole log
    private static readonly TimeSpan LongestPin = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan BatchWait = TimeSpan.FromMilliseconds(10); // in which a batch that is under way mostly comes by itself

    private readonly Lock _lock = new(); // protects all fields below
    private readonly SortedList<long, EventBatch> _buffered = [];
    private readonly List<Waiter> _waiters = [];
    private readonly CancellationTokenSource _stop = new();
    private KeyspaceView? _view;
    private Task _loading = Task.CompletedTask;
    private Task _compacting = Task.CompletedTask;
    private bool _pulling;
    private bool _given; // to a writer of this process, and no other was heard of since
    private long _loadedAt; // the view's first revision, which nobody may see before it is published
    private long _published; // highest heard of
    private long _mark = -1; // highest heard of, which may be ahead of what is applied
    private TailBound _tail = new();

    /// <summary>Asks the writer for whole revisions after the given one, as one batch that joins on to it; throws "compacted" when they are gone.</summary>
    public Func<long, Task<EventBatch>> Pull { get; set; } = static _ => throw EtcdErrors.NoLeader;

    /// <summary>The last revision applied; 0 while nothing is loaded.</summary>
    public long Revision => Volatile.Read(ref _view)?.State.Revision ?? 0;

    /// <summary>
    /// Begins to load, unless that is done or under way, or a writer begins in this process. Completes when it has ended, well or not.
    /// </summary>
    public Task Load()
    {
        lock (_lock)
        {
            if (_view is null && !_given && _loading.IsCompleted)
                _loading = Task.Run(LoadWhole);

            return _loading;
        }
    }

    /// <summary>Takes a batch as it comes.</summary>
    public void Receive(EventBatch batch)
    {
        lock (_lock)
        {
            Hear(batch.LastRevision, batch.CompactRevision);
            if (_view is { } view && batch.PreviousRevision <= view.State.Revision)
            {
                if (batch.LastRevision > view.State.Revision)
                    Apply(view, batch);
            }
            else
            {
                Buffer(batch);
            }

            Settle();
        }
    }

    /// <summary>Takes note of what the writer has published, gets what is missing of it, and loads what is not loaded.</summary>
    public void Follow(PublishedState published)
    {
        lock (_lock)
        {
            _given = false;
            Hear(published.Revision, published.CompactRevision);
            Settle();
        }

        _ = Load();
    }

    /// <summary>The same as <see cref="At"/> where nothing has to be waited for; else null.</summary>
    public KeyspaceView? TryAt(PublishedState published) =>
        Volatile.Read(ref _view) is { } view && IsReadable(view, published) ? view : null;

    /// <summary>
    /// What reads are answered from once it has everything that the writer said it has published, its compaction mark too. Throws "no leader" when the writer does
    /// not have what it said, "leader changed" while a writer begins in this process, "timed out" when nothing can be loaded.
    /// </summary>
    public async Task<KeyspaceView> At(PublishedState published, CancellationToken cancellationToken)
    {
        while (true)
        {
            Waiter waiter;
            lock (_lock)
            {
                Hear(published.Revision, published.CompactRevision);
                Settle();
                if (_view is { } view && IsReadable(view, published))
                    return view;

                if (_given && _view is null)
                    throw EtcdErrors.LeaderChanged;

                waiter = new Waiter(published);
                _waiters.Add(waiter);
            }

            _ = Load();
            try
            {
                await waiter.Task.WaitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                lock (_lock)
                {
                    _waiters.Remove(waiter);
                }

                throw;
            }
        }
    }

    /// <summary>
    /// Gives the view away, for a writer that has taken over a log of that last revision and compaction mark: it holds all of the log up to its own revision. Null when
    /// what is here is of no use for that. Waits for a load that is under way.
    /// </summary>
    internal async Task<GivenView?> Take(long lastRevision, long compacted, CancellationToken cancellationToken)
    {
        Task loading;
        lock (_lock)
        {
            loading = _loading;
        }

        await loading.WaitAsync(cancellationToken);
        lock (_lock)
        {
            var view = _view;
            (_view, _given) = (null, true);
            _buffered.Clear();
            FailWaiters(EtcdErrors.LeaderChanged);

            // What lies behind the mark is whole in the log; before it, a key may be gone with its tombstone.
            return view is not null && view.State.Revision <= lastRevision && view.State.Revision >= Math.Max(compacted, lastRevision - LongestTail)
                ? new GivenView(view, _tail)
                : null;
        }
    }

    /// <summary>Loads nothing any more. Completes when nothing is being loaded.</summary>
    public async Task Stop()
    {
        await _stop.CancelAsync();
        await _loading;
    }

    /// <summary>A writer writes in this process: nothing is needed here.</summary>
    internal void Rest()
    {
        lock (_lock)
        {
            (_view, _given) = (null, true);
            FailWaiters(EtcdErrors.LeaderChanged);
        }
    }

    /// <summary>A writer that took the view did not come to write: it is loaded anew when it is needed.</summary>
    internal void Resume()
    {
        lock (_lock)
        {
            _given = false;
        }
    }

    /// <summary>Takes a view from a writer of this process that has left, whose index holds what it published and nothing else.</summary>
    internal void Return(KeyspaceView view)
    {
        lock (_lock)
        {
            view.Changes = null;
            (_view, _tail, _loadedAt, _given) = (view, new TailBound(), 0, false);
            Settle();
        }
    }

    private bool IsReadable(KeyspaceView view, PublishedState published)
    {
        var state = view.State;
        return Volatile.Read(ref _published) >= Volatile.Read(ref _loadedAt)
            && state.Revision >= published.Revision && state.CompactRevision >= published.CompactRevision;
    }

    private async Task LoadWhole()
    {
        try
        {
            var loaded = await LoadedIndex.Load(store, null, log, _stop.Token);
            var mark = MetaRow.Read(await store.ReadSide(_stop.Token), MetaRow.CompactRevision) ?? -1;
            lock (_lock)
            {
                if (_given)
                    return;

                (_loadedAt, _tail) = (loaded.Revision, loaded.Tail);
                _mark = Math.Max(_mark, mark);
                _view = new KeyspaceView(loaded.Index, values, pins, new PublishedState(loaded.Revision, -1, 0));
                Settle();
            }
        }
        catch (Exception error)
        {
            if (error is not (StoreUnavailableException or OutcomeUnknownException) && !_stop.IsCancellationRequested)
                log.LogError(error, "The index could not be loaded");

            lock (_lock)
            {
                _loading = Task.CompletedTask;
                FailWaiters(EtcdErrors.TimedOut);
            }
        }
    }

    private void LoadAgain()
    {
        _view = null;
        if (!_given && _loading.IsCompleted)
            _loading = Task.Run(LoadWhole);
    }

    private void Hear(long revision, long mark)
    {
        _published = Math.Max(_published, revision);
        _mark = Math.Max(_mark, mark);
    }

    private void Buffer(EventBatch batch)
    {
        var same = _buffered.TryGetValue(batch.PreviousRevision, out var known);
        if (same ? known!.LastRevision < batch.LastRevision : _buffered.Count < MaxBuffered)
            _buffered[batch.PreviousRevision] = batch; // what finds no room is pulled
    }

    // Does what follows from a change: applies what joins on, raises the mark, asks for what is missing, tells who waits.
    private void Settle()
    {
        if (_view is not { } view)
            return;

        while (_buffered.Count > 0 && _buffered.GetKeyAtIndex(0) <= view.State.Revision)
        {
            var batch = _buffered.GetValueAtIndex(0);
            _buffered.RemoveAt(0);
            if (batch.LastRevision > view.State.Revision)
                Apply(view, batch);

            if (_view != view)
                return;
        }

        RaiseMark(view);
        if (!_pulling && view.State.Revision < _published)
        {
            _pulling = true;
            _ = Task.Run(PullMissing);
        }

        for (var i = _waiters.Count - 1; i >= 0; i--)
        {
            if (!IsReadable(view, _waiters[i].Published))
                continue;

            _waiters[i].SetResult();
            _waiters.RemoveAt(i);
        }
    }

    private void Apply(KeyspaceView view, EventBatch batch)
    {
        var revision = view.State.Revision;
        try
        {
            foreach (var change in batch.Events)
            {
                if (change.Revision <= revision)
                    continue;

                view.Index.Apply(change.Key.Span, change.Version);
                _tail.Add(change.Revision, change.KeyValue.Length);
                if (!change.Version.IsTombstone)
                    values.Add(change.Version.Id, change.KeyValue);
            }
        }
        catch (ArgumentException error)
        {
            log.LogError(error, "What the writer published does not follow from what is here; loading the index again");
            LoadAgain();
            return;
        }

        view.Publish(view.State with { Revision = batch.LastRevision });
    }

    private async Task PullMissing()
    {
        try
        {
            await Task.Delay(BatchWait, time);
            while (MissingAfter() is { } after)
            {
                var batch = await Pull(after);
                if (batch.LastRevision <= after)
                    throw EtcdErrors.NoLeader;

                Receive(batch);
            }
        }
        catch (EtcdException error) when (error.Code == StatusCode.OutOfRange)
        {
            log.LogInformation("What comes after revision {Revision} is compacted; loading the index again", Revision);
            lock (_lock)
            {
                _pulling = false;
                if (_view is not null)
                    LoadAgain();
            }
        }
        catch (Exception error)
        {
            lock (_lock)
            {
                _pulling = false;
                FailWaiters(error as EtcdException ?? EtcdErrors.TimedOut);
            }
        }
    }

    // The revision after which something is missing; null, and nobody pulls any more, when nothing is.
    private long? MissingAfter()
    {
        lock (_lock)
        {
            _pulling = _view is { } view && view.State.Revision < _published;
            return _pulling ? _view!.State.Revision : null;
        }
    }

    private void FailWaiters(EtcdException error)
    {
        foreach (var waiter in _waiters)
        {
            waiter.SetException(error.Copy());
            _ = waiter.Task.Exception; // whoever waited may have gone
        }

        _waiters.Clear();
    }

    // The index drops only what it has passed: of a mark ahead of that, as much as there is.
    private void RaiseMark(KeyspaceView view)
    {
        var state = view.State;
        var mark = Math.Min(_mark, state.Revision);
        if (mark <= state.CompactRevision)
            return;

        view.Publish(state with { CompactRevision = mark });
        _compacting = Compact(_compacting, view, mark);
    }

    private async Task Compact(Task earlier, KeyspaceView view, long mark)
    {
        await earlier.ConfigureAwait(ConfigureAwaitOptions.ForceYielding | ConfigureAwaitOptions.SuppressThrowing);
        await pins.WaitBelow(mark, LongestPin, time);
        var dropped = new List<RecordId>(DropRows);
        CompactionRun? run = null;
        while (Slice(view, mark, ref run, dropped))
        {
            dropped.ForEach(values.Remove);
            dropped.Clear();
            await Task.Yield();
        }
    }

    // False when nothing is left to do, or the index is somebody else's now.
    private bool Slice(KeyspaceView view, long mark, ref CompactionRun? run, List<RecordId> dropped)
    {
        lock (_lock)
        {
            if (_view != view || mark < view.Index.CompactedRevision)
                return false;

            run ??= view.Index.Compact(mark);
            return run.DropHistory(DropRows, dropped) > 0 || run.SweepTombstones(SweepLeaves);
        }
    }

    private sealed class Waiter(PublishedState published) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public PublishedState Published { get; } = published;
    }
}

/// <summary>A replica that was given to a writer.</summary>
/// <param name="View">At its last revision.</param>
/// <param name="Tail">What of the log may be kept in memory for watches.</param>
internal sealed record GivenView(KeyspaceView View, TailBound Tail);
