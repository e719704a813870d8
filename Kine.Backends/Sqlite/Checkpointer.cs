namespace Kine.Backends.Sqlite;

/// <summary>
/// The only connection that copies the WAL into the database file, on a thread of its own, beside the writer.
/// <para>
/// SQLite before 3.51.3 can corrupt the file when a checkpoint begins on a WAL that is copied completely and a commit starts that WAL over meanwhile.
/// So a pass begins only if a transaction has committed since the last one ended: then the WAL holds something to copy,
/// and no commit can start it over before this pass is through.
/// </para>
/// <para>
/// A WAL starts over only at a commit that finds all of it copied and nobody reading it, which under constant load never happens by itself.
/// At the size limit the passes come closer until little is left; then readers and the writer are held for the last one.
/// </para>
/// </summary>
internal sealed class Checkpointer : IDisposable
{
    private const int PageSize = 8192;
    private const int CloseEnoughFrames = 128; // 1 MiB: a few milliseconds
    private const int MaxApproach = 6; // passes; a writer faster than the disk never lets them catch up
    private static readonly TimeSpan ReaderPatience = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan WriterPatience = TimeSpan.FromSeconds(1); // for which reads wait, too
    private readonly Database _database;
    private readonly string _path;
    private readonly LogWriter _log;
    private readonly WriterThread _writer;
    private readonly ReaderPool _readers;
    private readonly long _pagesBetween;
    private readonly long _frameLimit;
    private readonly AutoResetEvent _wake = new(false);
    private readonly Thread _thread;
    private long _pagesAtLastPass;
    private long _commitsAtLastPass;
    private volatile bool _stopping;

    /// <summary>Starts the thread.</summary>
    public Checkpointer(Database database, string path, SqliteOptions options, LogWriter log, WriterThread writer, ReaderPool readers)
    {
        _database = database;
        _path = path;
        _log = log;
        _writer = writer;
        _readers = readers;
        _pagesBetween = Math.Max(1, options.CheckpointBytes / PageSize);
        _frameLimit = Math.Max(CloseEnoughFrames, options.WalLimitBytes / PageSize);
        _thread = new Thread(Run) { IsBackground = true, Name = "sqlite checkpoint" };
        _thread.Start();
    }

    /// <summary>Called by the writer after each commit: wakes the thread when enough was written.</summary>
    public void Committed()
    {
        if (_log.PagesWritten - Volatile.Read(ref _pagesAtLastPass) >= _pagesBetween)
        {
            _wake.Set();
        }
    }

    private void Run()
    {
        while (true)
        {
            _wake.WaitOne();
            if (_stopping)
            {
                return;
            }

            try
            {
                (var frames, var copied) = Pass();
                if (frames >= _frameLimit)
                {
                    StartOver(frames, copied);
                }
            }
            catch (SqliteError error)
            {
                // No space or a lock: the frames stay in the WAL, and the next pass begins with them.
                if (error.ForCaller(_path) is StoreBrokenException broken)
                {
                    _writer.Break(broken);
                }
            }
            catch (StoreBrokenException)
            {
                return; // The writer says so to everybody.
            }
        }
    }

    private (int Frames, int Copied) Pass()
    {
        if (_log.Commits == _commitsAtLastPass)
        {
            return (0, 0);
        }

        Volatile.Write(ref _pagesAtLastPass, _log.PagesWritten);
        try
        {
            return _database.CheckpointPassive();
        }
        finally
        {
            _commitsAtLastPass = _log.Commits;
        }
    }

    private void StartOver(int frames, int copied)
    {
        for (var pass = 0; frames - copied > CloseEnoughFrames || HasMoved(CloseEnoughFrames); pass++)
        {
            if (pass == MaxApproach || _stopping)
            {
                break;
            }

            (var nowFrames, var nowCopied) = Pass();
            if (nowFrames == 0)
            {
                break;
            }

            (frames, copied) = (nowFrames, nowCopied);
        }
        using var hold = _readers.HoldAll(ReaderPatience);
        if (hold is null)
        {
            return; // A long query of ours: the WAL grows a little further, and the next pass tries again.
        }

        using var patience = new CancellationTokenSource(WriterPatience);
        try
        {
            _writer.Urgent(Pass, patience.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // A long append: reads cannot wait for its end. The next pass tries again.
        }
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
