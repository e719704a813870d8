using System.Data;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>
/// The tables and their version. They live beside anything else the database holds, upstream's table <c>kine</c> included.
/// <code>
/// kine_log(id, create_revision, version, lease, tombstone, key, value)      id = revision * 2^22 + sub; fixed widths first, so that no bytes go to alignment
/// kine_records(revision, sub, ...)                                          the same as a view, for people
/// kine_side(kind, key, value)                                               see <see cref="SideRow"/>
/// kine_fence(epoch, holder, address, lease_ms, counter, last_revision, bytes)  one row, see <see cref="Fence"/>; bytes ever appended
/// kine_freed(bytes)                                                         one row: bytes ever deleted; apart, so that deletions do not lock the fence
/// kine_schema(version)                                                      one row
/// </code>
/// </summary>
internal static class PostgresSchema
{
    /// <summary>The version this build reads and writes.</summary>
    public static int Version => Upgrades.Length;

    /// <summary>What a record takes beside its key and value: row header, fixed columns, line pointer, index entry.</summary>
    public const int BytesPerRecord = 96;

    /// <summary>The tables that data goes to.</summary>
    public static readonly string[] Tables = ["kine_log", "kine_side", "kine_fence", "kine_freed"];

    private const long AdvisoryLock = 0x6b696e65_73636865; // "kinesche"

    /// <summary>The step at index n brings version n to n + 1.</summary>
    private static readonly string[] Upgrades =
    [
        """
        CREATE TABLE kine_log(
            id bigint PRIMARY KEY,
            create_revision bigint NOT NULL,
            version bigint NOT NULL,
            lease bigint NOT NULL,
            tombstone boolean NOT NULL,
            key bytea NOT NULL,
            value bytea NOT NULL);
        ALTER TABLE kine_log ALTER key SET STORAGE EXTERNAL, ALTER value SET STORAGE EXTERNAL;
        CREATE VIEW kine_records AS
            SELECT id >> 22 AS revision, (id & 4194303)::integer AS sub, key, create_revision, version, lease, tombstone, value FROM kine_log;
        CREATE TABLE kine_side(kind integer NOT NULL, key bytea NOT NULL, value bytea NOT NULL, PRIMARY KEY(kind, key));
        CREATE TABLE kine_fence(
            one integer PRIMARY KEY CHECK (one = 1),
            epoch bigint NOT NULL,
            holder uuid NOT NULL,
            address text NOT NULL,
            lease_ms bigint NOT NULL,
            counter bigint NOT NULL,
            last_revision bigint NOT NULL,
            bytes bigint NOT NULL);
        INSERT INTO kine_fence VALUES(1, 0, '00000000-0000-0000-0000-000000000000', '', 0, 0, 1, 0);
        CREATE TABLE kine_freed(one integer PRIMARY KEY CHECK (one = 1), bytes bigint NOT NULL);
        INSERT INTO kine_freed VALUES(1, 0);
        """,
    ];

    /// <summary>Creates the tables, or brings older ones up to date, in one transaction; only reads when they are as they should be.</summary>
    public static async Task Upgrade(NpgsqlConnection connection, string database, CancellationToken cancellationToken)
    {
        if (await Current(connection, database, cancellationToken).ConfigureAwait(false) == Version)
            return;

        var transaction = await connection
            .BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellationToken).ConfigureAwait(false);
        await using var _ = transaction.ConfigureAwait(false);
        // Another process may be at it for as long as it takes; it is the same work.
        await Execute(connection, "SET LOCAL lock_timeout = 0", cancellationToken).ConfigureAwait(false);
        await Execute(connection, "SET LOCAL synchronous_commit = on", cancellationToken).ConfigureAwait(false);
        await Execute(connection, $"SELECT pg_advisory_xact_lock({AdvisoryLock})", cancellationToken).ConfigureAwait(false);
        var version = await Current(connection, database, cancellationToken).ConfigureAwait(false);
        if (version == Version)
            return;

        if (version == 0)
            await Execute(connection, "CREATE TABLE kine_schema(version integer NOT NULL); INSERT INTO kine_schema VALUES(0)", cancellationToken).ConfigureAwait(false);

        for (; version < Version; version++)
            await Execute(connection, Upgrades[version], cancellationToken).ConfigureAwait(false);

        await Execute(connection, $"UPDATE kine_schema SET version = {Version}", cancellationToken).ConfigureAwait(false);
        await transaction.CommitAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private static async Task<int> Current(NpgsqlConnection connection, string database, CancellationToken cancellationToken)
    {
        // Not to_regclass: it answers from a cache of the session, which may not have heard of a table that another one has just created.
        using (var exists = new NpgsqlCommand(
            "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'kine_schema' AND pg_table_is_visible(oid))", connection))
        {
            if (!(bool)(await exists.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!)
                return 0;
        }
        using var read = new NpgsqlCommand("SELECT version FROM kine_schema", connection);
        var version = (int)(await read.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false))!;
        if (version > Version)
        {
            throw new StoreRefusedException(
                $"database {database} has schema version {version}, written by a newer kine; this one knows versions up to {Version}");
        }
        return version;
    }

    private static async Task Execute(NpgsqlConnection connection, string statements, CancellationToken cancellationToken)
    {
        using var command = new NpgsqlCommand(statements, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
    }
}
