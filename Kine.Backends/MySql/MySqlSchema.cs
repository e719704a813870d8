namespace Kine.Backends.MySql;

/// <summary>
/// The tables and their version. MySQL commits each change of a table by itself, so every step can be repeated and the version is written last; two
/// processes at once are kept apart by a named lock, and on a Galera cluster, where that lock is a node's own, by the steps being repeatable.
/// <code>
/// kine_log(id, create_revision, version, lease, tombstone, value_length, key, value)   id = revision * 2^22 + sub
/// kine_side(kind, key, value)                                                          see <see cref="SideRow"/>
/// kine_fence(one, epoch, holder, address, lease_ms, counter, last_revision, appended_bytes)   one row, see <see cref="Fence"/>
/// kine_size(one, removed_bytes)                                                        one row; apart from the fence, so that deletions never wait for appends
/// kine_schema(one, version)                                                            one row
/// </code>
/// </summary>
internal static class MySqlSchema
{
    private const int ReadOnlyServer = 1290;
    private const int Tries = 10;

    /// <summary>The version this build reads and writes.</summary>
    public static int Version => Upgrades.Length;

    /// <summary>The step at index n brings version n to n + 1. Lengths of the side key are bounded by the index of the smallest page size.</summary>
    private static readonly string[][] Upgrades =
    [
        [
            """
            CREATE TABLE IF NOT EXISTS kine_log(
                id BIGINT NOT NULL PRIMARY KEY,
                create_revision BIGINT NOT NULL,
                version BIGINT NOT NULL,
                lease BIGINT NOT NULL,
                tombstone TINYINT NOT NULL,
                value_length INT NOT NULL,
                `key` LONGBLOB NOT NULL,
                value LONGBLOB NOT NULL) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
            """,
            """
            CREATE TABLE IF NOT EXISTS kine_side(
                kind INT NOT NULL,
                `key` VARBINARY(700) NOT NULL,
                value LONGBLOB NOT NULL,
                PRIMARY KEY(kind, `key`)) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
            """,
            """
            CREATE TABLE IF NOT EXISTS kine_fence(
                one TINYINT NOT NULL PRIMARY KEY,
                epoch BIGINT NOT NULL,
                holder VARBINARY(16) NOT NULL,
                address VARBINARY(2048) NOT NULL,
                lease_ms BIGINT NOT NULL,
                counter BIGINT NOT NULL,
                last_revision BIGINT NOT NULL,
                appended_bytes BIGINT NOT NULL) ENGINE = InnoDB ROW_FORMAT = DYNAMIC
            """,
            "CREATE TABLE IF NOT EXISTS kine_size(one TINYINT NOT NULL PRIMARY KEY, removed_bytes BIGINT NOT NULL) ENGINE = InnoDB",
            "CREATE TABLE IF NOT EXISTS kine_schema(one TINYINT NOT NULL PRIMARY KEY, version INT NOT NULL) ENGINE = InnoDB",
            "INSERT IGNORE INTO kine_fence VALUES(1, 0, x'00000000000000000000000000000000', '', 0, 0, 1, 0)",
            "INSERT IGNORE INTO kine_size VALUES(1, 0)",
            "INSERT IGNORE INTO kine_schema VALUES(1, 1)",
        ],
    ];

    /// <summary>Creates the database. Throws <see cref="StoreRefusedException"/> when the user may not.</summary>
    public static void CreateDatabase(Connector connector)
    {
        var name = connector.Options.Database;
        using var connection = connector.OpenWithoutDatabase();
        try
        {
            connection.Run($"CREATE DATABASE IF NOT EXISTS `{name.Replace("`", "``", StringComparison.Ordinal)}`");
        }
        catch (MySqlError error) when (!error.IsLost)
        {
            throw new StoreRefusedException(
                $"the database {name} is not there and user {connector.Options.User} cannot create it ({error.Message}); create it and grant all rights on it", error);
        }
    }

    /// <summary>Creates the tables, or brings older ones up to date; writes nothing when they are. Throws <see cref="StoreRefusedException"/>.</summary>
    public static void Upgrade(Connection connection, string place)
    {
        if (Check(connection, place) == Version)
        {
            return;
        }

        var locked = false;
        connection.Run("SELECT GET_LOCK(LEFT(CONCAT('kine_schema ', DATABASE()), 64), 60)", row => locked = row.Long(0) == 1);
        if (!locked)
        {
            throw new StoreUnavailableException($"{place} has been changed by another process for a minute");
        }

        try
        {
            for (var version = Check(connection, place); version < Version; version++)
            {
                Array.ForEach(Upgrades[version], step => RunStep(connection, step));
            }
        }
        catch (MySqlError error) when (!error.IsPassing)
        {
            throw new StoreRefusedException(
                error.Code == ReadOnlyServer
                    ? $"{place} is read-only and does not hold this program's tables yet"
                    : $"{place} cannot take this program's tables: {error.Message}",
                error);
        }
        connection.Run("SELECT RELEASE_LOCK(LEFT(CONCAT('kine_schema ', DATABASE()), 64))");
        Check(connection, place);
    }

    // Another node of a cluster that does the same pushes a step aside.
    private static void RunStep(Connection connection, string step)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                connection.Run(step);
                return;
            }
            catch (MySqlError error) when (error.IsConflict && attempt < Tries)
            {
                Thread.Sleep(Random.Shared.Next(10, 100)); // milliseconds
            }
        }
    }

    // The version, 0 when there is none yet.
    private static int Check(Connection connection, string place)
    {
        var versioned = false;
        string? foreign = null;
        connection.Run(
            """
            SELECT table_name, engine FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_name IN ('kine_log', 'kine_side', 'kine_fence', 'kine_size', 'kine_schema')
            """,
            row =>
            {
                versioned |= row.Text(0) == "kine_schema";
                if (!row.Bytes(1).SequenceEqual("InnoDB"u8))
                {
                    foreign = $"{row.Text(0)} is kept by {row.Text(1)}";
                }
            });
        if (foreign is not null)
        {
            throw new StoreRefusedException($"{place}: the table {foreign}, which has no transactions; it must be InnoDB");
        }

        var version = 0;
        if (versioned)
        {
            connection.Run("SELECT version FROM kine_schema WHERE one = 1", row => version = (int)row.Long(0));
        }

        return version <= Version
            ? version
            : throw new StoreRefusedException($"{place} has schema version {version}, written by a newer kine; this one knows versions up to {Version}");
    }
}
