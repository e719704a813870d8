using SQLitePCL;

namespace Kine.Backends.Sqlite;

/// <summary>
/// One SQLite connection with its statements, used by one thread at a time. Every result code other than row, done and ok becomes a
/// <see cref="SqliteError"/>.
/// </summary>
internal sealed class Database : IDisposable
{
    private readonly sqlite3 _handle;
    private readonly List<Statement> _statements = [];

    static Database()
    {
        Batteries_V2.Init();
        // Without it every allocation of every connection takes one process-wide lock, only to count bytes that nobody reads.
        const int MemStatus = 9;
        raw.sqlite3_config(MemStatus, 0);
    }

    /// <summary>Opens an existing file. The file is created beforehand, so that its permissions are ours and not the umask's.</summary>
    /// <param name="path">Absolute path of the database file.</param>
    /// <param name="readOnly">True for connections that only read.</param>
    public Database(string path, bool readOnly)
        : this(path, readOnly ? raw.SQLITE_OPEN_READONLY : raw.SQLITE_OPEN_READWRITE)
    {
    }

    private Database(string path, int flags)
    {
        flags |= raw.SQLITE_OPEN_NOMUTEX;
        var code = raw.sqlite3_open_v2(path, out _handle, flags, null);
        if (code != raw.SQLITE_OK)
        {
            var error = new SqliteError(code & 0xff, code, raw.sqlite3_errstr(code).utf8_to_string());
            _handle.Dispose();
            throw error;
        }
    }

    /// <summary>Opens the file as it is without its write-ahead log, which stays as it is. Nobody may write to it meanwhile.</summary>
    public static Database WithoutLog(string path) =>
        new($"file:{Uri.EscapeDataString(path)}?immutable=1", raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_URI);

    /// <summary>True outside a transaction.</summary>
    public bool IsAutoCommit => raw.sqlite3_get_autocommit(_handle) != 0;

    /// <summary>Rows that the last INSERT, UPDATE or DELETE changed.</summary>
    public int Changes => raw.sqlite3_changes(_handle);

    /// <summary>Pages this connection has written (to the WAL, in WAL mode) since it was last asked.</summary>
    public int TakePagesWritten()
    {
        const int CacheWrite = 9;
        Check(raw.sqlite3_db_status(_handle, CacheWrite, out var pages, out _, 1));
        return pages;
    }

    /// <summary>Prepares a statement that lives as long as the connection.</summary>
    public Statement Prepare(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_handle, sql, out var handle));
        var statement = new Statement(this, handle);
        _statements.Add(statement);
        return statement;
    }

    /// <summary>Runs SQL that returns nothing anybody needs. Waits for no lock.</summary>
    public void Execute(string sql) => Check(raw.sqlite3_exec(_handle, sql));

    /// <summary>First column of the first row, 0 when there is none.</summary>
    public long QueryLong(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_handle, sql, out var handle));
        using var statement = new Statement(this, handle);
        return statement.Step() ? statement.Long(0) : 0;
    }

    /// <summary>First column of every row.</summary>
    public List<string> QueryTexts(string sql)
    {
        Check(raw.sqlite3_prepare_v2(_handle, sql, out var handle));
        using var statement = new Statement(this, handle);
        var texts = new List<string>();
        while (statement.Step())
            texts.Add(statement.Text(0));

        return texts;
    }

    /// <summary>
    /// How long a statement tries again when it finds a lock in its way. SQLite's own handler sleeps up to 100 ms at a time, where such a lock
    /// is usually gone within a millisecond.
    /// </summary>
    public TimeSpan Patience { get; set; }

    /// <summary>Leaves the WAL as it is when this connection closes last, for a replicator that must see every frame.</summary>
    public void KeepWalOnClose()
    {
        const int NoCheckpointOnClose = 1006;
        Check(raw.sqlite3_db_config(_handle, NoCheckpointOnClose, 1, out _));
    }

    /// <summary>Copies what it can of the WAL into the database file, waiting for nobody. Returns the frames in the WAL and how many are copied.</summary>
    public (int Frames, int Copied) CheckpointPassive()
    {
        Check(raw.sqlite3_wal_checkpoint_v2(_handle, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out var frames, out var copied));
        return (frames, copied);
    }

    /// <summary>
    /// Copies all of the WAL while it keeps others from writing, so that the next commit starts it over, or so that it is empty now. Fails as busy when it has
    /// waited so long for readers.
    /// </summary>
    public void CheckpointRestart(TimeSpan patience, bool truncate)
    {
        var mode = truncate ? raw.SQLITE_CHECKPOINT_TRUNCATE : raw.SQLITE_CHECKPOINT_RESTART;
        Check(raw.sqlite3_busy_timeout(_handle, (int)patience.TotalMilliseconds));
        Check(raw.sqlite3_wal_checkpoint_v2(_handle, "main", mode, out _, out _));
    }

    /// <summary>Throws for a result code other than SQLITE_OK.</summary>
    public void Check(int code)
    {
        if (code != raw.SQLITE_OK)
            throw Error(code);
    }

    /// <summary>The error behind a result code of this connection.</summary>
    public SqliteError Error(int code) =>
        new(code & 0xff, raw.sqlite3_extended_errcode(_handle), raw.sqlite3_errmsg(_handle).utf8_to_string());

    public void Dispose()
    {
        foreach (var statement in _statements)
            statement.Dispose();

        _statements.Clear();
        _handle.Dispose();
    }
}
