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
    private readonly object _lock = new(); // guards the queues and what follows them; waited on by the thread
    private readonly Queue<WriterWork> _urgent = [];
    private readonly Queue<WriterWork> _background = [];
    private readonly Thread _thread;
    private StoreBrokenException? _broken;
    private bool _stopping;
    private bool _busy; // urgent work came since the last background piece
    private long _backgroundFrom; // timestamp before which background work waits while busy

    /// <summary>Starts the thread.</summary>
    public WriterThread()
    {
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

    private Task<T> Queue<T>(Queue<WriterWork> lane, Func<T> body, CancellationToken cancellationToken)
    {
        var work = new WriterWork<T>(body, cancellationToken);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopping, typeof(IRevisionStore));
            lane.Enqueue(work);
            Monitor.Pulse(_lock);
        }
        return work.Task;
    }

    private void Run()
    {
        while (TakeNext(out var background) is { } work)
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                ThrowIfBroken();
                work.Run();
            }
            catch (Exception error)
            {
                // Nothing is lost here: the caller awaits it, and a broken store answers everybody alike.
                if (error is StoreBrokenException broken)
                    Break(broken);

                work.Fail(error);
            }
            if (background)
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
    private WriterWork? TakeNext(out bool background)
    {
        lock (_lock)
        {
            while (true)
            {
                if (_urgent.TryDequeue(out var work))
                {
                    background = false;
                    _busy = true;
                    return work;
                }
                background = true;
                if (_background.Count == 0)
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
                return _background.Dequeue();
            }
        }
    }

    private abstract class WriterWork
    {
        public abstract void Run();

        public abstract void Fail(Exception error);
    }

    private sealed class WriterWork<T> : WriterWork
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Func<T> _body;
        private readonly CancellationTokenRegistration _registration;
        private int _taken; // 1 = begun or cancelled

        public WriterWork(Func<T> body, CancellationToken cancellationToken)
        {
            _body = body;
            _registration = cancellationToken.UnsafeRegister(Cancel, this);
        }

        public Task<T> Task => _done.Task;

        public override void Run()
        {
            // Work that has begun is never cut short.
            if (Interlocked.Exchange(ref _taken, 1) != 0)
                return;

            _registration.Unregister();
            _done.SetResult(_body());
        }

        // Of work that was cancelled, nobody wants to know any more.
        public override void Fail(Exception error) => _done.TrySetException(error);

        // Its caller does not wait for what is in front of it in the queue.
        private static void Cancel(object? state, CancellationToken cancellationToken)
        {
            var work = (WriterWork<T>)state!;
            if (Interlocked.Exchange(ref work._taken, 1) == 0)
                work._done.SetCanceled(cancellationToken);
        }
    }
}
