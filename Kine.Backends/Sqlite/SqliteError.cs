namespace Kine.Backends.Sqlite;

/// <summary>A result code of SQLite that is neither row nor done, before anybody decided what it means for the store.</summary>
/// <param name="code">Primary result code, such as SQLITE_FULL.</param>
/// <param name="extendedCode">Extended result code, such as SQLITE_IOERR_FSYNC.</param>
/// <param name="message">SQLite's words.</param>
internal sealed class SqliteError(int code, int extendedCode, string message) : Exception($"SQLite: {message} (code {extendedCode})")
{
    private const int SharedMemorySize = 4874; // SQLITE_IOERR_SHMSIZE: the WAL's index could not grow

    /// <summary>Primary result code.</summary>
    public int Code => code;

    /// <summary>True when another process holds the lock that was asked for.</summary>
    public bool IsBusy => Code is SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED;

    /// <summary>True when there is no space on the file system.</summary>
    public bool IsFull => Code == SQLitePCL.raw.SQLITE_FULL || extendedCode == SharedMemorySize;

    /// <summary>
    /// What the code means to the store's caller, once the transaction is rolled back. Busy, disk full and out of memory leave the file as it
    /// was; anything else (I/O, corruption, a file replaced underneath) means that the disk cannot be relied on.
    /// </summary>
    public Exception ForCaller(string path) => Code switch
    {
        _ when IsFull => new StoreFullException($"no space left for {path}", this),
        SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED => new StoreUnavailableException($"another process has {path} locked", this),
        SQLitePCL.raw.SQLITE_NOMEM => new StoreUnavailableException($"no memory left to work on {path}", this),
        _ => new StoreBrokenException($"{path} failed: {Message}", this),
    };
}
