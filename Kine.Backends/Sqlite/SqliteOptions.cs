namespace Kine.Backends.Sqlite;

/// <summary>How SQLite keeps its journal; upstream's <c>_journal_mode</c>. OFF is not here: it gives up atomic appends.</summary>
public enum SqliteJournalMode
{
    /// <summary>Write-ahead log: readers and the writer never wait for each other.</summary>
    Wal,

    /// <summary>Rollback journal, deleted after each commit.</summary>
    Delete,

    /// <summary>Rollback journal, cut to nothing after each commit.</summary>
    Truncate,

    /// <summary>Rollback journal, its header overwritten after each commit.</summary>
    Persist,

    /// <summary>Rollback journal in memory: a killed process can leave a damaged file.</summary>
    Memory,
}

/// <summary>When SQLite waits for the disk; upstream's <c>_synchronous</c>.</summary>
public enum SqliteSynchronous
{
    /// <summary>Never.</summary>
    Off = 0,

    /// <summary>At checkpoints only: a power loss can take acknowledged writes back.</summary>
    Normal = 1,

    /// <summary>At every commit.</summary>
    Full = 2,

    /// <summary>At every commit, and for the folder of a rollback journal too.</summary>
    Extra = 3,
}

/// <summary>Settings of the SQLite store.</summary>
public sealed record SqliteOptions
{
    /// <summary>Path of the database file, relative to the working directory or absolute.</summary>
    public required string Path { get; init; }

    /// <summary>Journal mode.</summary>
    public SqliteJournalMode JournalMode { get; init; } = SqliteJournalMode.Wal;

    /// <summary>Durability of a commit.</summary>
    public SqliteSynchronous Synchronous { get; init; } = SqliteSynchronous.Full;

    /// <summary>How long to wait while some other process (a backup tool, a person's shell) has the file locked.</summary>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Page cache of each connection in SQLite's own unit (pages, or KiB when negative); null for ours, 61 MiB in all.</summary>
    public long? CacheSize { get; init; }

    /// <summary>Whether freed bytes are overwritten: OFF, ON or FAST; null leaves SQLite's default.</summary>
    public string? SecureDelete { get; init; }

    /// <summary>False leaves all checkpoints to somebody else (a replicator such as Litestream).</summary>
    public bool Checkpoints { get; init; } = true;

    /// <summary>WAL bytes written between two checkpoints.</summary>
    public long CheckpointBytes { get; init; } = 4 << 20;

    /// <summary>WAL size at which the writer is held for a moment, so that the WAL can start over.</summary>
    public long WalLimitBytes { get; init; } = 64 << 20;
}
