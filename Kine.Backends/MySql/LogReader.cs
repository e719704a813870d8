using System.Data.Common;
using System.Globalization;
using Kine.Backends.Sql;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>The queries in MySQL's words.</summary>
internal sealed class LogReader(MySqlServer server, Queries queries)
    : SqlLogReader(queries, "kine_log log FORCE INDEX (PRIMARY)", "log.value_length", "log.id IN ($1)")
{
    private static readonly TimeSpan RebuildTimeout = TimeSpan.FromHours(6);

    protected override string BytesInUseQuery => "SELECT appended_bytes - (SELECT removed_bytes FROM kine_size WHERE one = 1) FROM kine_fence WHERE one = 1";

    protected override string RemovedBytesQuery => "SELECT removed_bytes FROM kine_size WHERE one = 1";

    protected override string BytesOnDiskQuery =>
        """
        SELECT SUM(data_length + index_length + data_free) FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name IN ('kine_log', 'kine_side')
        """;

    protected override string AddDocumentStatement => $"INSERT IGNORE INTO kine_side(kind, `key`, value) VALUES({(int)SideKind.Document}, $1, $2)";

    protected override string ReplaceDocumentStatement =>
        $"UPDATE kine_side SET value = $2 WHERE kind = {(int)SideKind.Document} AND `key` = $1 AND LEFT(value, 8) = $3";

    protected override string UpstreamTableQuery =>
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'kine'";

    protected override string UpstreamRowsQuery =>
        """
        SELECT id, CAST(name AS BINARY), created, deleted, create_revision, prev_revision, lease, value FROM kine FORCE INDEX (PRIMARY)
        WHERE id > $1 ORDER BY id LIMIT $2
        """;

    protected override DbCommand Command(DbConnection connection, string query, object[] values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var text = values[i] switch
            {
                long[] list => string.Join(',', list),
                byte[] bytes => $"x'{Convert.ToHexString(bytes)}'",
                var number => Convert.ToString(number, CultureInfo.InvariantCulture),
            };
            query = query.Replace($"${i + 1}", text, StringComparison.Ordinal);
        }

        return new MySqlCommand(query, (MySqlConnection)connection);
    }

    protected override Fence FenceOf(DbDataReader row) => FenceRow.Read(row);

    public override Task Delete(ReadOnlyMemory<long> keys, CancellationToken cancellationToken)
    {
        var list = string.Join(',', keys.ToArray());
        return Queries.Run("a deletion", async (pooled, _) =>
        {
            // One statement a packet: see Connection.
            var connection = (MySqlConnection)pooled;
            long bytes = 0;
            await connection.Run("START TRANSACTION").ConfigureAwait(false);
            try
            {
                await connection.Run(
                    $"SELECT SUM({LogWriter.RowBytes} + LENGTH(`key`) + value_length) FROM kine_log FORCE INDEX (PRIMARY) WHERE id IN ({list}) FOR UPDATE",
                    row => bytes = row.Long(0)).ConfigureAwait(false);
                await connection.Run($"DELETE FROM kine_log WHERE id IN ({list})").ConfigureAwait(false);
                await connection.Run($"UPDATE kine_size SET removed_bytes = removed_bytes + {bytes} WHERE one = 1").ConfigureAwait(false);
                await connection.Run("COMMIT").ConfigureAwait(false);
            }
            catch (MySqlException error) when (MySqlError.Code(error) != 0)
            {
                // Not every error ends the transaction, and the connection serves others.
                await connection.Run("ROLLBACK").ConfigureAwait(false);
                throw;
            }
        }, cancellationToken);
    }

    // A rebuild of the log's table. On a Galera cluster it would stop the writes of all nodes.
    public override async Task GiveSpaceBack(CancellationToken cancellationToken)
    {
        if (server.Traits.IsGalera)
            return;

        try
        {
            var connection = await server.ConnectOnce().ConfigureAwait(false);
            await using var _ = connection.ConfigureAwait(false);
            const string rebuild = "ALTER TABLE kine_log FORCE, ALGORITHM = INPLACE, LOCK = NONE";
            await connection.Run(rebuild, limit: RebuildTimeout).ConfigureAwait(false);
        }
        catch (Exception error) when (MySqlError.Classify(error) != SqlFailure.None)
        {
            throw server.Unavailable(error);
        }
    }
}
