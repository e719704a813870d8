using System.Diagnostics;

namespace Kine.Backends.Sqlite;

/// <summary>
/// The one thread that owns the writer's connection. Callers queue work and await its end; urgent work (appends, the fence) always goes before
/// background work (deletions, vacuum), which therefore comes in short pieces. While there is urgent work, background work gets at
/// most a third of the time.
/// </summary>
internal sealed class WriterThread
{
    private const int PausePerPiece = 2; // times the last piece's own time
    private readonly object _lock = new(); // guards the lanes and what follows them; waited on by the thread
    private readonly Lane _urgent;
    private readonly Lane _background;
    private readonly Thread _thread;
    private StoreBrokenException? _broken;
    private bool _stopping;
    private bool _busy; // urgent work came since the last background piece
    private long _backgroundFrom; // timestamp before which background work waits while busy

    /// <summary>Starts the thread.</summary>
    public WriterThread()
    {
        _urgent = new Lane(_lock);
        _background = new Lane(_lock);
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite writer" };
        _thread.Start();
    }

    /// <summary>Runs the work before all background work, in order of arrival.</summary>
    public Task<T> Urgent<T>(Func<T> work, CancellationToken cancellationToken) => Queue(_urgent, work, cancellationToken);

    /// <summary>Runs the work when nothing urgent waits.</summary>
    public Task<T> Background<T>(Func<T> work, CancellationToken cancellationToken) => Queue(_background, work, cancellationToken);

    /// <summary>From now on everything fails with this error, what is queued too; the first one stays.</summary>
    public void Break(StoreBrokenException error) => Interlocked.CompareExchange(ref _broken, error, null);

    /// <summary>Throws when the store is broken.</summary>
    public void ThrowIfBroken()
    {
        if (Volatile.Read(ref _broken) is { } broken)
            throw new StoreBrokenException(broken.Message, broken);
    }

    /// <summary>Takes no more work, finishes what is queued and returns when the thread has ended.</summary>
    public async Task Stop()
    {
        lock (_lock)
        {
            _stopping = true;
            Monitor.Pulse(_lock);
        }
        await Task.Run(_thread.Join).ConfigureAwait(false);
    }

    private Task<T> Queue<T>(Lane lane, Func<T> work, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopping, typeof(IRevisionStore));
            return Task.Factory.StartNew(
                () => RunUnlessBroken(work), cancellationToken, TaskCreationOptions.RunContinuationsAsynchronously, lane);
        }
    }

    private T RunUnlessBroken<T>(Func<T> work)
    {
        ThrowIfBroken();
        try
        {
            return work();
        }
        catch (StoreBrokenException error)
        {
            Break(error); // a broken store answers everybody alike
            throw;
        }
    }

    private void Run()
    {
        while (TakeNext(out var lane) is { } work)
        {
            var start = Stopwatch.GetTimestamp();
            lane.Run(work);
            if (lane == _background)
            {
                var end = Stopwatch.GetTimestamp();
                lock (_lock)
                {
                    _backgroundFrom = end + (PausePerPiece * (end - start));
                }
            }
        }
    }

    // Null once stopped and everything queued is done.
    private Task? TakeNext(out Lane lane)
    {
        lock (_lock)
        {
            while (true)
            {
                lane = _urgent;
                if (!lane.IsEmpty)
                {
                    _busy = true;
                    return lane.Take();
                }
                lane = _background;
                if (lane.IsEmpty)
                {
                    if (_stopping)
                        return null;

                    Monitor.Wait(_lock);
                    continue;
                }
                var pause = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), _backgroundFrom);
                if (_busy && !_stopping && pause > TimeSpan.Zero)
                {
                    Monitor.Wait(_lock, pause);
                    continue;
                }
                _busy = false;
                return lane.Take();
            }
        }
    }

    // A task that is cancelled ends at once, whatever is in front of it; one that has begun is never cut short.
    private sealed class Lane(object gate) : TaskScheduler
    {
        private readonly Queue<Task> _queue = [];

        public bool IsEmpty => _queue.Count == 0;

        public Task Take() => _queue.Dequeue();

        public void Run(Task task) => TryExecuteTask(task);

        protected override void QueueTask(Task task)
        {
            _queue.Enqueue(task);
            Monitor.Pulse(gate);
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => [];
    }
}
