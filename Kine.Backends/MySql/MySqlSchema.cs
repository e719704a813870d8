using Kine.Backends.Sql;
using MySqlConnector;

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
    private const int Tries = 10;
    private static readonly TimeSpan StepLimit = TimeSpan.FromSeconds(90); // longer than another process is waited for

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
    public static async Task CreateDatabase(MySqlServer server)
    {
        var name = server.Options.Database;
        var connection = await server.ConnectWithoutDatabase().ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            try
            {
                await connection.Run($"CREATE DATABASE IF NOT EXISTS `{name.Replace("`", "``", StringComparison.Ordinal)}`").ConfigureAwait(false);
            }
            catch (MySqlException error) when (MySqlError.Code(error) != 0)
            {
                throw new StoreRefusedException(
                    $"the database {name} is not there and user {server.Options.User} cannot create it ({MySqlError.Text(error)}); create it and grant all rights on it", error);
            }
        }
    }

    /// <summary>Creates the tables, or brings older ones up to date; writes nothing when they are. Throws <see cref="StoreRefusedException"/>.</summary>
    public static async Task Upgrade(MySqlConnection connection, string place)
    {
        if (await Check(connection, place).ConfigureAwait(false) == Version)
            return;

        var locked = false;
        await connection.Run("SELECT GET_LOCK(LEFT(CONCAT('kine_schema ', DATABASE()), 64), 60)", row => locked = row.Long(0) == 1, StepLimit).ConfigureAwait(false);
        if (!locked)
            throw new StoreUnavailableException($"{place} has been changed by another process for a minute");

        try
        {
            for (var version = await Check(connection, place).ConfigureAwait(false); version < Version; version++)
            {
                foreach (var step in Upgrades[version])
                    await RunStep(connection, step).ConfigureAwait(false);
            }
        }
        catch (MySqlException error) when (MySqlError.Classify(error) is SqlFailure.Refused or SqlFailure.Full or SqlFailure.ReadOnly)
        {
            throw new StoreRefusedException(
                MySqlError.Classify(error) == SqlFailure.ReadOnly
                    ? $"{place} is read-only and does not hold this program's tables yet"
                    : $"{place} cannot take this program's tables: {MySqlError.Text(error)}",
                error);
        }
        await connection.Run("SELECT RELEASE_LOCK(LEFT(CONCAT('kine_schema ', DATABASE()), 64))").ConfigureAwait(false);
        await Check(connection, place).ConfigureAwait(false);
    }

    // Another node of a cluster that does the same pushes a step aside.
    private static async Task RunStep(MySqlConnection connection, string step)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await connection.Run(step, limit: StepLimit).ConfigureAwait(false);
                return;
            }
            catch (MySqlException error) when (MySqlError.Classify(error) == SqlFailure.Conflict && attempt < Tries)
            {
                await Task.Delay(Random.Shared.Next(10, 100)).ConfigureAwait(false); // milliseconds
            }
        }
    }

    // The version, 0 when there is none yet.
    private static async Task<int> Check(MySqlConnection connection, string place)
    {
        var versioned = false;
        string? foreign = null;
        await connection.Run(
            """
            SELECT table_name, engine FROM information_schema.tables
            WHERE table_schema = DATABASE() AND table_name IN ('kine_log', 'kine_side', 'kine_fence', 'kine_size', 'kine_schema')
            """,
            row =>
            {
                versioned |= row.GetString(0) == "kine_schema";
                if (row.GetString(1) != "InnoDB")
                {
                    foreign = $"{row.GetString(0)} is kept by {row.GetString(1)}";
                }
            }).ConfigureAwait(false);
        if (foreign is not null)
            throw new StoreRefusedException($"{place}: the table {foreign}, which has no transactions; it must be InnoDB");

        var version = 0;
        if (versioned)
            await connection.Run("SELECT version FROM kine_schema WHERE one = 1", row => version = (int)row.Long(0)).ConfigureAwait(false);

        return version <= Version
            ? version
            : throw new StoreRefusedException($"{place} has schema version {version}, written by a newer kine; this one knows versions up to {Version}");
    }
}
