namespace Kine.Backends.Sqlite;

/// <summary>
/// The tables and their version (<c>user_version</c>). An empty file is version 0: creating the schema is the first upgrade.
/// <code>
/// log(id, key, create_revision, version, lease, tombstone, value)   id = revision * 2^22 + sub, see <see cref="RecordKey"/>
/// records(revision, sub, ...)                                       the same as a view, for people
/// side(kind, key, value)                                            see <see cref="SideRow"/>
/// fence(epoch, holder, address, lease_ms, counter, last_revision)   one row, see <see cref="Fence"/>
/// kine(...)                                                         upstream kine's, when the file was its own; only read
/// </code>
/// </summary>
internal static class SqliteSchema
{
    /// <summary>The version this build reads and writes.</summary>
    public static int Version => Upgrades.Length;

    private const int ApplicationId = 0x6b696e65; // "kine"

    /// <summary>The step at index n brings version n to n + 1.</summary>
    private static readonly string[] Upgrades =
    [
        """
        CREATE TABLE log(
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL,
            create_revision INTEGER NOT NULL,
            version INTEGER NOT NULL,
            lease INTEGER NOT NULL,
            tombstone INTEGER NOT NULL,
            value BLOB NOT NULL);
        CREATE VIEW records AS
            SELECT id >> 22 AS revision, id & 4194303 AS sub, key, create_revision, version, lease, tombstone, value FROM log;
        CREATE TABLE side(kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY(kind, key)) WITHOUT ROWID;
        CREATE TABLE fence(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            epoch INTEGER NOT NULL,
            holder BLOB NOT NULL,
            address TEXT NOT NULL,
            lease_ms INTEGER NOT NULL,
            counter INTEGER NOT NULL,
            last_revision INTEGER NOT NULL);
        INSERT INTO fence VALUES(1, 0, zeroblob(16), '', 0, 0, 1);
        """,
    ];

    /// <summary>
    /// Refuses a file that is not ours, before anything is written to it. Throws <see cref="StoreRefusedException"/>.
    /// </summary>
    public static void CheckOwnership(Database database, string path)
    {
        List<string> tables;
        try
        {
            tables = database.QueryTexts("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'");
        }
        catch (SqliteError error) when (error.Code == SQLitePCL.raw.SQLITE_NOTADB)
        {
            throw new StoreRefusedException($"{path} is not an SQLite database", error);
        }
        var ours = tables.Contains("fence") && tables.Contains("log") && database.QueryLong("PRAGMA application_id") == ApplicationId;
        if (ours)
        {
            var version = database.QueryLong("PRAGMA user_version");
            if (version > Version)
                throw new StoreRefusedException($"{path} has schema version {version}, written by a newer kine; this one knows versions up to {Version}");

            return;
        }
        if (HasUpstreamTable(database) && !tables.Intersect(["fence", "log", "side"]).Any())
            return; // ours come beside it

        if (tables.Count > 0)
            throw new StoreRefusedException($"{path} is a database of some other program (table \"{tables[0]}\"); name another file");
    }

    /// <summary>True when the file holds upstream kine's table, with the columns that all its releases have.</summary>
    public static bool HasUpstreamTable(Database database) => database.QueryLong(
        """
        SELECT count(*) = 8 FROM pragma_table_info('kine')
        WHERE name IN ('id', 'name', 'created', 'deleted', 'create_revision', 'prev_revision', 'lease', 'value')
        """) != 0;

    /// <summary>Creates the tables, or brings older ones up to date, in one transaction.</summary>
    public static void Upgrade(Database database)
    {
        if (database.QueryLong("PRAGMA user_version") == Version)
            return;

        using (var begin = database.Prepare("BEGIN IMMEDIATE"))
        {
            begin.Run();
        }

        try
        {
            // Read again under the write lock.
            for (var version = database.QueryLong("PRAGMA user_version"); version < Version; version++)
                database.Execute(Upgrades[version]);

            database.Execute($"PRAGMA user_version = {Version}");
            database.Execute($"PRAGMA application_id = {ApplicationId}");
            database.Execute("COMMIT");
        }
        catch
        {
            if (!database.IsAutoCommit)
                database.Execute("ROLLBACK");

            throw;
        }
    }
}
