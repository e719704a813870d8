namespace Kine.Backends.Sqlite;

/// <summary>
/// The only connection that copies the WAL into the database file, on a thread of its own: a commit never waits for a copy.
/// <para>
/// A WAL starts over only at a commit that finds all of it copied and nobody reading it, which under constant load never happens by itself.
/// At the size limit, or where the disk is full, the passes come closer until little is left. Then SQLite holds the writer for that rest.
/// </para>
/// </summary>
internal sealed class Checkpointer : IDisposable
{
    private const int PageSize = 8192;
    private const int CloseEnoughFrames = 128; // 1 MiB: a few milliseconds
    private const int MaxApproach = 6; // passes; a writer faster than the disk never lets them catch up
    private static readonly TimeSpan ReaderPatience = TimeSpan.FromMilliseconds(20); // for which the writer waits, too
    private readonly Database _database;
    private readonly SqliteFile _file;
    private readonly LogWriter _log;
    private readonly WriterThread _writer;
    private readonly long _pagesBetween;
    private readonly long _frameLimit;
    private readonly AutoResetEvent _wake = new(false);
    private readonly Thread _thread;
    private long _pagesAtLastPass;
    private long _pagesCopied; // into the database file, of those that were written
    private TaskCompletionSource? _truncated; // of those who wait for it
    private volatile bool _stopping;

    /// <summary>Starts the thread.</summary>
    public Checkpointer(Database database, SqliteFile file, SqliteOptions options, LogWriter log, WriterThread writer)
    {
        _database = database;
        _file = file;
        _log = log;
        _writer = writer;
        _pagesBetween = Math.Max(1, options.CheckpointBytes / PageSize);
        _frameLimit = Math.Max(CloseEnoughFrames, options.WalLimitBytes / PageSize);
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite checkpoint" };
        _thread.Start();
    }

    /// <summary>Called when the database file could not grow, or soon could not.</summary>
    public Action NoSpace { get; init; } = static () => { };

    /// <summary>
    /// Called by the writer after each commit: wakes the thread when enough was written. What is not copied yet needs as much room again, in the database file: it
    /// has to be there before the WAL has taken it.
    /// </summary>
    public void Committed()
    {
        var written = _log.PagesWritten;
        if (written - Volatile.Read(ref _pagesAtLastPass) >= _pagesBetween)
            _wake.Set();

        var left = written - Volatile.Read(ref _pagesCopied);
        if (left >= 2 * _pagesBetween && !_file.Reserve.HasFree(left * PageSize))
            NoSpace();
    }

    /// <summary>Copies what there is, soon.</summary>
    public void Copy() => _wake.Set();

    /// <summary>Completes when an attempt was made to copy all of the WAL and give its file's space back; readers that are in the way keep it as it is.</summary>
    public Task Truncate()
    {
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiting = Interlocked.CompareExchange(ref _truncated, mine, null) ?? mine;
        _wake.Set();
        if (_stopping)
            waiting.TrySetResult();

        return waiting.Task;
    }

    private void Run()
    {
        while (!_stopping)
        {
            _wake.WaitOne();
            var truncated = Interlocked.Exchange(ref _truncated, null);
            try
            {
                if (!_stopping)
                    CopyNow(truncate: truncated is not null);
            }
            catch (SqliteError error)
            {
                // No space, a long query or a lock of others: the frames stay in the WAL, and the next pass begins with them.
                if (error.IsFull)
                    NoSpace();
                else if (error.ForCaller(_file.Path) is StoreBrokenException broken)
                    _writer.Break(broken);
            }
            finally
            {
                truncated?.TrySetResult();
            }
        }
    }

    private void CopyNow(bool truncate)
    {
        (var frames, var copied) = Pass();
        var full = _file.Reserve.IsFull;
        if (frames >= (full ? CloseEnoughFrames : _frameLimit) || truncate)
            StartOver(frames, copied, truncate || full);
    }

    private (int Frames, int Copied) Pass()
    {
        var written = _log.PagesWritten;
        Volatile.Write(ref _pagesAtLastPass, written);
        var counter = _log.FenceCounter;
        (var frames, var copied) = _database.CheckpointPassive();
        if (copied == frames)
        {
            Volatile.Write(ref _pagesCopied, written);
            _file.NoteCopied(counter);
        }

        return (frames, copied);
    }

    private void StartOver(int frames, int copied, bool truncate)
    {
        for (var pass = 0; pass < MaxApproach && !_stopping && (frames - copied > CloseEnoughFrames || HasMoved(CloseEnoughFrames)); pass++)
            (frames, copied) = Pass();

        var counter = _log.FenceCounter;
        _database.CheckpointRestart(ReaderPatience, truncate);
        _file.NoteCopied(counter);
    }

    private bool HasMoved(int frames) => _log.PagesWritten - _pagesAtLastPass > frames;

    /// <summary>Ends the thread, while the writer still runs, and closes the connection.</summary>
    public void Dispose()
    {
        _stopping = true;
        _wake.Set();
        _thread.Join();
        _database.Dispose();
    }
}
