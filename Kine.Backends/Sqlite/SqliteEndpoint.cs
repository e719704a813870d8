using System.Collections.ObjectModel;
using Kine.Backends.Endpoints;

namespace Kine.Backends.Sqlite;

/// <summary>
/// Reads what follows <c>sqlite://</c>: a path and the parameters of the Go driver that upstream kine uses (mattn/go-sqlite3). Parameters that
/// cannot matter here are checked where that driver checks them and otherwise ignored, as it ignores unknown ones.
/// </summary>
internal static class SqliteEndpoint
{
    private const string DefaultPath = "./db/state.db";

    private static readonly ReadOnlyDictionary<string, SqliteJournalMode> JournalModes = new Dictionary<string, SqliteJournalMode>
    {
        ["WAL"] = SqliteJournalMode.Wal,
        ["DELETE"] = SqliteJournalMode.Delete,
        ["TRUNCATE"] = SqliteJournalMode.Truncate,
        ["PERSIST"] = SqliteJournalMode.Persist,
        ["MEMORY"] = SqliteJournalMode.Memory,
    }.AsReadOnly();

    private static readonly ReadOnlyDictionary<string, SqliteSynchronous> Synchronous = new Dictionary<string, SqliteSynchronous>
    {
        ["OFF"] = SqliteSynchronous.Off,
        ["NORMAL"] = SqliteSynchronous.Normal,
        ["FULL"] = SqliteSynchronous.Full,
        ["EXTRA"] = SqliteSynchronous.Extra,
        ["0"] = SqliteSynchronous.Off,
        ["1"] = SqliteSynchronous.Normal,
        ["2"] = SqliteSynchronous.Full,
        ["3"] = SqliteSynchronous.Extra,
    }.AsReadOnly();

    private static readonly ReadOnlyDictionary<string, bool> Switches = new Dictionary<string, bool>
    {
        ["0"] = false,
        ["NO"] = false,
        ["FALSE"] = false,
        ["OFF"] = false,
        ["1"] = true,
        ["YES"] = true,
        ["TRUE"] = true,
        ["ON"] = true,
    }.AsReadOnly();

    private static readonly ReadOnlyDictionary<string, bool> TransactionLocks = new Dictionary<string, bool>
    {
        ["IMMEDIATE"] = true,
        ["EXCLUSIVE"] = true,
        ["DEFERRED"] = true,
    }.AsReadOnly();

    /// <summary>Options for what stands behind the scheme. Throws <see cref="StoreRefusedException"/>.</summary>
    /// <param name="rest">Path and parameters.</param>
    /// <param name="litestream">Upstream's second name for this store: a replicator outside does all checkpoints.</param>
    public static SqliteOptions Parse(string rest, bool litestream)
    {
        var mark = rest.IndexOf('?');
        var path = Path(mark < 0 ? rest : rest[..mark]);
        var query = new EndpointQuery(mark < 0 ? "" : rest[(mark + 1)..]);
        RefuseWhatCannotWork(query);
        query.Choice(TransactionLocks, "_txlock"); // Every write begins immediate here.
        var noCheckpoints = litestream
            || (query.Mentions("_kine_disable_compact_wal_checkpoint") && query.Mentions("_kine_disable_wal_autocheckpoint"));
        return new SqliteOptions
        {
            Path = path,
            JournalMode = query.Choice(JournalModes, "_journal_mode", "_journal") ?? SqliteJournalMode.Wal,
            Synchronous = query.Choice(Synchronous, "_synchronous", "_sync") ?? SqliteSynchronous.Full,
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

        if (query.Choice(Switches, "_query_only") == true)
            throw new StoreRefusedException("_query_only is not supported: the server has to write");
    }

    private static string? SecureDelete(EndpointQuery query)
    {
        if (query.Get("_secure_delete") is not { } value)
            return null;

        if (value.Equals("fast", StringComparison.OrdinalIgnoreCase))
            return "FAST";

        return query.Choice(Switches, "_secure_delete") == true ? "ON" : "OFF";
    }
}
