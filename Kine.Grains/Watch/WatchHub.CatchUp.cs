namespace Kine.Grains.Watch;

/// <summary>
/// Serves the watchers that are behind. One loop for all: it reads a page of the past, hands each watcher that waits within that page its
/// part, and takes as next page the lowest one ahead that somebody waits for, like a lift. A watcher takes part only while its stream has nothing
/// else to send, so nobody's unread replies pile up.
/// </summary>
public sealed partial class WatchHub
{
    private const int DeliveriesPerLock = 128; // so that the publisher never waits for thousands of them
    private const long SmallestPage = 16 << 10; // bytes

    private const long PageBytes = 1 << 20; // kept for latecomers

    private readonly List<Watcher> _hungry = [];
    private readonly PageCache _pages = new(PageBytes);
    private bool _catchingUp;
    private long _scanAt;
    private int _pieces;

    /// <summary>Asks for the next piece of the past for watchers whose streams are ready to send one.</summary>
    internal void CatchUp(List<Watcher> watchers)
    {
        lock (_gate)
        {
            _hungry.AddRange(watchers);
            if (_catchingUp || _stopped is not null)
                return;

            _catchingUp = true;
        }

        Run(CatchUpLoop);
    }

    /// <summary>A piece was made (+1) or taken by its stream (-1).</summary>
    internal void CountPieces(int change) => Interlocked.Add(ref _pieces, change);

    private async Task CatchUpLoop()
    {
        var page = new List<KeyEvent>();
        var delay = _options.RetryDelay;
        while (true)
        {
            long from, to, through, bytes;
            bool inMemory;
            page.Clear();
            lock (_gate)
            {
                RemoveServed();
                if (_hungry.Count == 0 || _stopped is not null)
                {
                    _catchingUp = false;
                    return;
                }

                from = NextPage();
                to = _revision;
                bytes = Math.Min(_options.ReplyBytes, Math.Max(SmallestPage, _options.PieceBudget / (1 + _pieces + _hungry.Count)));
                inMemory = _ring.TryRead(from, _options.PageEvents, bytes, page, out through) || _pages.TryRead(from, page, ref through);
            }

            if (!inMemory)
            {
                try
                {
                    var read = await _history.ReadEvents(from, to, _options.PageEvents, bytes, _stopping.Token).ConfigureAwait(false);
                    page.AddRange(read.Events);
                    through = read.Through;
                    delay = _options.RetryDelay;
                }
                catch (Exception failure)
                {
                    delay = await PauseAfter(failure, delay).ConfigureAwait(false);
                    continue;
                }
            }

            var takers = new List<Watcher>();
            lock (_gate)
            {
                if (!inMemory)
                {
                    if (from < CompactRevision)
                        continue; // part of the page may be gone; who waits below the mark is cancelled at the next turn

                    _pages.Add(from, through, page);
                }

                TakeHungry(from, through, takers);
                _scanAt = through + 1;
            }

            Serve(takers, page, through);
        }
    }

    /// <summary>Sends away who needs no page: compacted, up to date, or gone.</summary>
    private void RemoveServed()
    {
        var mark = CompactRevision;
        for (var i = _hungry.Count - 1; i >= 0; i--)
        {
            var watcher = _hungry[i];
            if (watcher.State == WatcherState.Unsynced && watcher.Next >= mark && watcher.Next <= _revision)
                continue;

            _hungry[i] = _hungry[^1];
            _hungry.RemoveAt(_hungry.Count - 1);
            if (watcher.Next < mark)
                watcher.Stream.CancelCompacted(watcher, mark);
            else
                watcher.Stream.Deliver(watcher, null, 0, _revision, _revision);
        }
    }

    private long NextPage()
    {
        long ahead = long.MaxValue, lowest = long.MaxValue;
        foreach (var watcher in _hungry)
        {
            lowest = Math.Min(lowest, watcher.Next);
            if (watcher.Next >= _scanAt)
                ahead = Math.Min(ahead, watcher.Next);
        }

        return ahead == long.MaxValue ? lowest : ahead;
    }

    private void TakeHungry(long from, long through, List<Watcher> takers)
    {
        for (var i = _hungry.Count - 1; i >= 0; i--)
        {
            var watcher = _hungry[i];
            if (watcher.Next < from || watcher.Next > through)
                continue;

            takers.Add(watcher);
            _hungry[i] = _hungry[^1];
            _hungry.RemoveAt(_hungry.Count - 1);
        }
    }

    private void Serve(List<Watcher> takers, List<KeyEvent> page, long through)
    {
        // An index of its own, with groups of its own: the hub's belong to the publisher.
        var index = new GroupIndex();
        var groups = new WatchGroup[takers.Count];
        for (var i = 0; i < groups.Length; i++)
        {
            var group = takers[i].Group;
            groups[i] = index.GetOrAdd(group.Start, group.End, group.IsKey, group.Filter, group.WantsPrevious);
        }

        var runs = new Dictionary<WatchGroup, EventRun>();
        var mark = CompactRevision;
        var fetches = new Dictionary<WatchGroup, List<Watcher>>();
        foreach (var group in index.Match(page, 0))
        {
            if (group.WantsPrevious && HasPrevious(group.Matched, mark))
                fetches.Add(group, []);

            runs.Add(group, new EventRun(group.TakeMatched(), null));
        }

        for (var i = 0; i < takers.Count;)
        {
            lock (_gate)
            {
                for (var end = Math.Min(i + DeliveriesPerLock, takers.Count); i < end; i++)
                {
                    var watcher = takers[i];
                    var run = runs.GetValueOrDefault(groups[i]);
                    if (run is not null && fetches.TryGetValue(groups[i], out var waiting) && run.LastRevision >= watcher.Next)
                        waiting.Add(watcher);
                    else
                        Deliver(watcher, run, through);
                }
            }
        }

        foreach ((var group, var watchers) in fetches)
        {
            if (watchers.Count > 0)
                _ = DeliverWithPrevious(watchers, runs[group].Events, through);
        }
    }

    private void Deliver(Watcher watcher, EventRun? run, long through)
    {
        var from = run?.IndexOf(watcher.Next) ?? 0;
        if (run is not null && from == run.Events.Length)
            run = null;

        if (watcher.Stream.Deliver(watcher, run, from, through, _revision))
            _hungry.Add(watcher);
    }

    /// <summary>
    /// Runs work of the hub's own. It fails only by a fault in the hub, and then the streams must end: watches that went silent would look healthy.
    /// </summary>
    private void Run(Func<Task> work) => _ = Task.Run(async () =>
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            _options.OnHistoryFailure?.Invoke(fault);
            Stop(new EtcdException(StatusCode.Internal, $"watch failed: {fault.Message}"));
        }
    });

    /// <summary>Tells of a failed read and waits before the next try; gives the pause to make after that.</summary>
    private async Task<TimeSpan> PauseAfter(Exception failure, TimeSpan delay)
    {
        if (_stopping.IsCancellationRequested)
            return delay;

        _options.OnHistoryFailure?.Invoke(failure);
        await Task.Delay(delay, Time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return delay < 16 * _options.RetryDelay ? 2 * delay : delay;
    }
}
