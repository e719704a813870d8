using Kine.Backends.Endpoints;

namespace Kine.Backends.Sqlite;

/// <summary>
/// Reads what follows <c>sqlite://</c>: a path and the parameters of the Go driver that upstream kine uses (mattn/go-sqlite3). Parameters that
/// cannot matter here are checked where that driver checks them and otherwise ignored, as it ignores unknown ones.
/// </summary>
internal static class SqliteEndpoint
{
    private const string DefaultPath = "./db/state.db";

    private static readonly string[] JournalModes = ["WAL", "DELETE", "TRUNCATE", "PERSIST", "MEMORY"];
    private static readonly string[] Synchronous = ["OFF", "NORMAL", "FULL", "EXTRA", "0", "1", "2", "3"];
    private static readonly string[] Switches = ["0", "NO", "FALSE", "OFF", "1", "YES", "TRUE", "ON"];
    private static readonly string[] TransactionLocks = ["IMMEDIATE", "EXCLUSIVE", "DEFERRED"];

    /// <summary>Options for what stands behind the scheme. Throws <see cref="StoreRefusedException"/>.</summary>
    /// <param name="rest">Path and parameters.</param>
    /// <param name="litestream">Upstream's second name for this store: a replicator outside does all checkpoints.</param>
    public static SqliteOptions Parse(string rest, bool litestream)
    {
        var mark = rest.IndexOf('?');
        var path = Path(mark < 0 ? rest : rest[..mark]);
        var query = new EndpointQuery(mark < 0 ? "" : rest[(mark + 1)..]);
        RefuseWhatCannotWork(query);
        query.OneOf(TransactionLocks, "_txlock"); // Every write begins immediate here.
        var noCheckpoints = litestream
            || (query.Mentions("_kine_disable_compact_wal_checkpoint") && query.Mentions("_kine_disable_wal_autocheckpoint"));
        return new SqliteOptions
        {
            Path = path,
            JournalMode = query.Choice<SqliteJournalMode>(JournalModes, "_journal_mode", "_journal") ?? SqliteJournalMode.Wal,
            Synchronous = query.Choice<SqliteSynchronous>(Synchronous, "_synchronous", "_sync") ?? SqliteSynchronous.Full,
            BusyTimeout = TimeSpan.FromMilliseconds(Math.Clamp(query.Integer("_busy_timeout", "_timeout") ?? 30_000, 0, int.MaxValue)),
            CacheSize = query.Integer("_cache_size"),
            SecureDelete = SecureDelete(query),
            Checkpoints = !noCheckpoints,
        };
    }

    private static string Path(string path)
    {
        if (path.StartsWith("file:", StringComparison.Ordinal))
            path = Uri.UnescapeDataString(path["file:".Length..]);

        if (path.Contains(":memory:", StringComparison.Ordinal))
            throw new StoreRefusedException("sqlite in memory is not supported; use the endpoint memory:// for a store that keeps nothing");

        return path.Length == 0 ? DefaultPath : path;
    }

    private static void RefuseWhatCannotWork(EndpointQuery query)
    {
        if (query.Get("_journal_mode", "_journal")?.Equals("OFF", StringComparison.OrdinalIgnoreCase) == true)
            throw new StoreRefusedException("_journal_mode=OFF is not supported: without a journal a failed write cannot be taken back");

        if (query.Get("vfs") is { } vfs)
            throw new StoreRefusedException($"endpoint parameter vfs={vfs} is not supported: backups and the write-ahead log need the default file system layer");

        if (query.Get("mode") is "memory")
            throw new StoreRefusedException("sqlite in memory is not supported; use the endpoint memory:// for a store that keeps nothing");

        if (IsOn(query, "_query_only"))
            throw new StoreRefusedException("_query_only is not supported: the server has to write");
    }

    private static string? SecureDelete(EndpointQuery query)
    {
        if (query.Get("_secure_delete") is not { } value)
            return null;

        if (value.Equals("fast", StringComparison.OrdinalIgnoreCase))
            return "FAST";

        return IsOn(query, "_secure_delete") ? "ON" : "OFF";
    }

    private static bool IsOn(EndpointQuery query, string name) => query.OneOf(Switches, name) is "1" or "YES" or "TRUE" or "ON";
}
