namespace Kine.Backends.Sqlite;

/// <summary>The database file and what lies beside it: makes folder and file, takes the side lock, opens connections set up alike.</summary>
internal sealed class SqliteFile : IDisposable
{
    private const int PageSize = 8192;
    private readonly SqliteOptions _options;
    private readonly SideLock _lock;

    private SqliteFile(SqliteOptions options, string path, SideLock sideLock)
    {
        _options = options;
        Path = path;
        _lock = sideLock;
        Reserve = new SpaceReserve(path);
    }

    /// <summary>Absolute path of the database file, symbolic links resolved, so that two names of one file share one lock.</summary>
    public string Path { get; }

    /// <summary>Room for what has to go on when the disk is full.</summary>
    public SpaceReserve Reserve { get; }

    /// <summary>Makes what is missing and locks the file. Throws <see cref="StoreRefusedException"/>.</summary>
    public static SqliteFile Claim(SqliteOptions options)
    {
        var path = System.IO.Path.GetFullPath(options.Path);
        try
        {
            CreateFolder(System.IO.Path.GetDirectoryName(path)!);
            if (Directory.Exists(path))
                throw new StoreRefusedException($"{path} is a folder; name a file in it");

            if (new FileInfo(path).LinkTarget is not null)
                path = File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;

            FileNames.Check(path);
            var sideLock = SideLock.Take(path + ".lock", path);
            try
            {
                CreateFile(path);
                return new SqliteFile(options, path, sideLock);
            }
            catch
            {
                sideLock.Dispose();
                throw;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreRefusedException($"cannot create {path}: {error.Message}", error);
        }
    }

    /// <summary>
    /// The writer's connection, the first to open: checks that the file is ours, sets the file's own properties and brings the schema up to date.
    /// </summary>
    public Database OpenWriter(int cacheKib)
    {
        CheckLog();
        var database = new Database(Path, readOnly: false);
        try
        {
            database.Patience = _options.BusyTimeout;
            SqliteSchema.CheckOwnership(database, Path);
            // Both hold for a file that is still empty and do nothing to any other.
            database.Execute($"PRAGMA page_size = {PageSize}; PRAGMA auto_vacuum = INCREMENTAL");
            var mode = _options.JournalMode.ToString().ToUpperInvariant();
            var got = database.QueryTexts($"PRAGMA journal_mode = {mode}")[0];
            if (!got.Equals(mode, StringComparison.OrdinalIgnoreCase))
                throw new StoreRefusedException($"{Path} cannot be kept with journal mode {mode}: SQLite stays with {got} (is the file system shared memory capable?)");

            SetUp(database, cacheKib);
            if (_options.SecureDelete is { } secureDelete)
                database.Execute($"PRAGMA secure_delete = {secureDelete}");

            database.Execute($"PRAGMA journal_size_limit = {_options.WalLimitBytes}");
            SqliteSchema.Upgrade(database);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>One more connection to a file that <see cref="OpenWriter"/> has opened.</summary>
    public Database OpenAnother(int cacheKib, bool readOnly)
    {
        var database = new Database(Path, readOnly);
        try
        {
            database.Patience = _options.BusyTimeout;
            SetUp(database, cacheKib);
            return database;
        }
        catch
        {
            database.Dispose();
            throw;
        }
    }

    /// <summary>Notes beside the file that it holds everything up to this value of the fence's counter, without the write-ahead log.</summary>
    public void NoteCopied(long counter)
    {
        // Without a sync the note could outlive a loss of power that the copy did not.
        if (_options.Synchronous == SqliteSynchronous.Off || counter <= _lock.Noted)
            return;

        try
        {
            _lock.Note(counter);
        }
        catch (IOException)
        {
            // What was noted before is true still, and the database needs no note.
        }
    }

    // SQLite would replay a log of a newer file onto an older one that was put in its place: pages of both, or the newer state that was to be undone.
    private void CheckLog()
    {
        if (_lock.Noted == 0)
            return;

        if (new FileInfo(Path + "-wal") is not { Exists: true, Length: > 0 })
        {
            _lock.Note(0); // the file may have been put back from earlier: what was noted of another says nothing of it
            return;
        }

        long counter;
        try
        {
            using var alone = Database.WithoutLog(Path);
            counter = alone.QueryLong("SELECT counter FROM fence WHERE one = 1");
        }
        catch (SqliteError)
        {
            return; // not ours, or not whole: that is found out with more words
        }

        if (counter < _lock.Noted)
        {
            throw new StoreRefusedException(
                $"{Path} is older than the write-ahead log beside it, {Path}-wal. To go on from this older file, remove {Path}-wal and {Path}-shm; "
                + "to keep the newer data, put the newer file back");
        }
    }

    private void SetUp(Database database, int cacheKib)
    {
        database.Execute($"PRAGMA cache_size = {_options.CacheSize ?? -cacheKib}");
        database.Execute($"PRAGMA synchronous = {(int)_options.Synchronous}");
        database.Execute("PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY");
        if (!_options.Checkpoints)
            database.KeepWalOnClose();
    }

    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(folder);
        else
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    // SQLite gives the WAL and its index the mode of the database file. The descriptor is closed before SQLite opens the file, and
    // an existing file is never opened here: closing any descriptor of it would drop the locks SQLite holds in this process.
    private static void CreateFile(string path)
    {
        if (File.Exists(path))
            return;

        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

        new FileStream(path, options).Dispose();
    }

    /// <summary>Gives the lock up; all connections are closed by then.</summary>
    public void Dispose()
    {
        Reserve.KeepLast();
        _lock.Dispose();
    }
}
