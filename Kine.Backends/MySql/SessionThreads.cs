using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.MySql;

/// <summary>
/// Threads that own a session each and take work from one queue: the client library blocks, and neither a turn of a grain nor the thread pool may.
/// </summary>
internal sealed partial class SessionThreads
{
    private readonly object _lock = new(); // guards what follows; waited on by the threads
    private readonly Queue<SessionWork> _queue = [];
    private readonly MySqlOptions _options;
    private readonly ILogger _logger;
    private readonly Thread[] _threads;
    private bool _stopping;

    /// <summary>Starts the threads.</summary>
    /// <param name="name">Their name.</param>
    /// <param name="sessions">One for each.</param>
    /// <param name="keep">How many of them keep their connection while there is no work.</param>
    /// <param name="options">How long an idle connection is kept, and what is slow.</param>
    /// <param name="logger">Learns of slow work.</param>
    public SessionThreads(string name, Session[] sessions, int keep, MySqlOptions options, ILogger logger)
    {
        _options = options;
        _logger = logger;
        _threads = [.. sessions.Select((session, i) => new Thread(() => Run(session, keeps: i < keep)) { IsBackground = true, Name = name })];
        foreach (var thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Runs the work when a thread is free. Work that has begun is never cut short.</summary>
    /// <param name="what">What it is, for the log.</param>
    /// <param name="work">Gets the thread's session.</param>
    /// <param name="cancellationToken">Takes it out of the queue.</param>
    public Task<T> Run<T>(string what, Func<Session, T> work, CancellationToken cancellationToken)
    {
        var item = new SessionWork<T>(what, work, cancellationToken);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopping, typeof(IRevisionStore));
            _queue.Enqueue(item);
            Monitor.Pulse(_lock);
        }
        return item.Task;
    }

    /// <summary>Takes no more work, finishes what is queued, closes the connections and returns when the threads have ended.</summary>
    public async Task Stop()
    {
        lock (_lock)
        {
            _stopping = true;
            Monitor.PulseAll(_lock);
        }
        await Task.Run(() => Array.ForEach(_threads, static thread => thread.Join())).ConfigureAwait(false);
    }

    private void Run(Session session, bool keeps)
    {
        using (session)
        {
            while (TakeNext(session, keeps) is { } work)
            {
                var start = Stopwatch.GetTimestamp();
                work.Run(session);
                var took = Stopwatch.GetElapsedTime(start);
                if (_options.SlowWarningThreshold > TimeSpan.Zero && took > _options.SlowWarningThreshold)
                {
                    VerySlow(work.What, took.TotalSeconds);
                }
                else if (_options.SlowThreshold > TimeSpan.Zero && took > _options.SlowThreshold)
                {
                    Slow(work.What, took.TotalSeconds);
                }
            }
        }
    }

    // Null once stopped and everything queued is done.
    private SessionWork? TakeNext(Session session, bool keeps)
    {
        lock (_lock)
        {
            var idleSince = Stopwatch.GetTimestamp();
            while (true)
            {
                if (_queue.TryDequeue(out var work))
                {
                    return work;
                }

                if (_stopping)
                {
                    return null;
                }

                var left = !keeps ? TimeSpan.Zero
                    : _options.MaxIdleTime > TimeSpan.Zero ? _options.MaxIdleTime - Stopwatch.GetElapsedTime(idleSince)
                    : Timeout.InfiniteTimeSpan;
                if (!session.IsOpen)
                {
                    Monitor.Wait(_lock);
                }
                else if (left == Timeout.InfiniteTimeSpan || left > TimeSpan.Zero)
                {
                    Monitor.Wait(_lock, left);
                }
                else
                {
                    session.Drop();
                }
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Slow on the database: {What} took {Seconds:0.000} s")]
    private partial void Slow(string what, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Slow on the database: {What} took {Seconds:0.000} s")]
    private partial void VerySlow(string what, double seconds);

    private abstract class SessionWork(string what)
    {
        public string What => what;

        public abstract void Run(Session session);
    }

    private sealed class SessionWork<T> : SessionWork
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Func<Session, T> _body;
        private readonly CancellationTokenRegistration _registration;
        private int _taken; // 1 = begun or cancelled

        public SessionWork(string what, Func<Session, T> body, CancellationToken cancellationToken)
            : base(what)
        {
            _body = body;
            _registration = cancellationToken.UnsafeRegister(Cancel, this);
        }

        public Task<T> Task => _done.Task;

        public override void Run(Session session)
        {
            if (Interlocked.Exchange(ref _taken, 1) != 0)
            {
                return;
            }

            _registration.Unregister();
            try
            {
                _done.SetResult(_body(session));
            }
            catch (OperationCanceledException cancelled)
            {
                _done.SetCanceled(cancelled.CancellationToken);
            }
            catch (Exception error)
            {
                // Nothing is lost here: the caller awaits it.
                _done.SetException(error);
            }
        }

        private static void Cancel(object? state, CancellationToken cancellationToken)
        {
            var work = (SessionWork<T>)state!;
            if (Interlocked.Exchange(ref work._taken, 1) == 0)
            {
                work._done.SetCanceled(cancellationToken);
            }
        }
    }
}
