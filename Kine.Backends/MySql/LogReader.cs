using System.Text;
using Kine.Backends.Sql;
using Kine.Backends.Upstream;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>Queries on the log and its side state; each is short, and may be repeated on another connection.</summary>
internal sealed class LogReader(Queries<PooledConnection> queries)
{
    private const int RecordsPerQuery = 8192;
    private const int LengthsPerQuery = 1024;
    private const int ValuesPerQuery = 512; // longer lists make MariaDB build a temporary table
    private const int DeletesPerPiece = 500;

    /// <summary>How many records <see cref="Delete"/> takes.</summary>
    public static int DeletesAtOnce => DeletesPerPiece;

    /// <summary>See <see cref="IRevisionStore.ReadFence"/>.</summary>
    public Task<Fence> ReadFence(CancellationToken cancellationToken) =>
        queries.Run("a read of the fence", static (connection, _) => FenceRow.Read(connection.Inner), cancellationToken);

    /// <summary>See <see cref="IRevisionStore.ScanMetadata"/>.</summary>
    public async Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long visited = -1;
        var key = new byte[1024];
        while (maxRecords > 0 && position < last)
        {
            var limit = Math.Min(maxRecords, RecordsPerQuery);
            // Asked again after a loss, it goes on behind what was visited.
            var got = 0;
            await Ask("a scan", connection => connection.Run(
                $"""
                SELECT id, create_revision, version, lease, tombstone, value_length, `key` FROM kine_log FORCE INDEX (PRIMARY)
                WHERE id > {position} AND id <= {last} ORDER BY id LIMIT {limit - got}
                """,
                row =>
                {
                    position = visited = row.GetInt64(0);
                    got++;
                    Visit(row, visit, ref key);
                }), cancellationToken).ConfigureAwait(false);
            if (got < limit)
            {
                break;
            }

            maxRecords -= got;
        }
        return visited < 0 ? null : RecordKey.IdOf(visited);
    }

    private static void Visit(MySqlDataReader row, MetadataVisitor visit, ref byte[] key)
    {
        var length = (int)row.GetBytes(6, 0, null, 0, 0);
        if (length > key.Length)
        {
            key = new byte[length];
        }

        row.GetBytes(6, 0, key, 0, length);
        var id = RecordKey.IdOf(row.GetInt64(0));
        var record = new RecordMetadata(id.Revision, id.Sub, row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt32(4) != 0, row.GetInt32(5));
        visit(in record, key.AsSpan(0, length));
    }

    /// <summary>See <see cref="IRevisionStore.ReadRecords"/>.</summary>
    public async Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long bytes = 0;
        while (records.Count < maxRecords && bytes < maxBytes && position < last)
        {
            var limit = Math.Min(maxRecords - records.Count, LengthsPerQuery);
            (var page, position) = await queries.Run(
                "a read of records", (connection, _) => ReadPage(connection.Inner, position, last, limit, maxBytes - bytes), cancellationToken).ConfigureAwait(false);
            records.AddRange(page);
            foreach (var record in page)
            {
                bytes += record.Key.Length + record.Value.Length;
            }
        }
        return records;
    }

    // The lengths tell first how far the page goes: a value that is not wanted is not read. The next page begins after the end that is given back.
    private static async Task<(List<LogRecord> Page, long End)> ReadPage(MySqlConnection connection, long after, long last, int limit, long maxBytes)
    {
        long through = -1;
        long bytes = 0;
        var found = 0;
        await connection.Run(
            $"SELECT id, LENGTH(`key`) + value_length FROM kine_log FORCE INDEX (PRIMARY) WHERE id > {after} AND id <= {last} ORDER BY id LIMIT {limit}",
            row =>
            {
                found++;
                if (bytes < maxBytes)
                {
                    through = row.GetInt64(0);
                    bytes += row.GetInt64(1);
                }
            }).ConfigureAwait(false);
        var end = found < limit && bytes < maxBytes ? last : through;
        var records = new List<LogRecord>();
        if (through < 0)
        {
            return (records, end);
        }

        await connection.Run(
            $"""
            SELECT id, create_revision, version, lease, tombstone, `key`, value FROM kine_log FORCE INDEX (PRIMARY)
            WHERE id > {after} AND id <= {through} ORDER BY id
            """,
            row =>
            {
                var id = RecordKey.IdOf(row.GetInt64(0));
                records.Add(new LogRecord(
                    id.Revision, id.Sub, row.Bytes(5), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt32(4) != 0, row.Bytes(6)));
            }).ConfigureAwait(false);
        return (records, end);
    }

    /// <summary>See <see cref="IRevisionStore.ReadValues"/>.</summary>
    public async Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        var values = new byte[]?[ids.Length];
        var keys = RecordKey.Sort(ids.Span, out var places);
        for (var start = 0; start < keys.Length; start += ValuesPerQuery)
        {
            var asked = keys.Slice(start, Math.Min(ValuesPerQuery, keys.Length - start));
            var first = start;
            var text = new StringBuilder("SELECT id, value FROM kine_log FORCE INDEX (PRIMARY) WHERE id IN ").AppendList(asked.Span).ToString();
            await Ask("a read of values", connection => connection.Run(
                text,
                row =>
                {
                    var value = row.Bytes(1);
                    foreach (var place in places.AsSpan(first, asked.Length)[RecordKey.PlacesOf(asked.Span, row.GetInt64(0))])
                    {
                        values[place] = value;
                    }
                }), cancellationToken).ConfigureAwait(false);
        }
        return values;
    }

    /// <summary>See <see cref="IRevisionStore.ReadSide"/>.</summary>
    public async Task<List<SideRow>> ReadSide(CancellationToken cancellationToken)
    {
        var rows = new List<SideRow>();
        await Ask("a read of side state", connection =>
        {
            rows.Clear();
            return connection.Run("SELECT kind, `key`, value FROM kine_side", row => rows.Add(new SideRow((SideKind)row.GetInt32(0), row.Bytes(1), row.Bytes(2))));
        }, cancellationToken).ConfigureAwait(false);
        return rows;
    }

    /// <summary>Deletes the records and counts their bytes as removed, in one transaction; repeating it changes nothing.</summary>
    public Task Delete(ReadOnlyMemory<long> keys, CancellationToken cancellationToken)
    {
        var list = new StringBuilder().AppendList(keys.Span).ToString();
        return Ask("a deletion", async connection =>
        {
            // One statement a packet: see Connection.
            long bytes = 0;
            await connection.Run("START TRANSACTION").ConfigureAwait(false);
            try
            {
                await connection.Run(
                    $"SELECT SUM({LogWriter.RowBytes} + LENGTH(`key`) + value_length) FROM kine_log FORCE INDEX (PRIMARY) WHERE id IN {list} FOR UPDATE",
                    row => bytes = row.Long(0)).ConfigureAwait(false);
                await connection.Run($"DELETE FROM kine_log WHERE id IN {list}").ConfigureAwait(false);
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

    /// <summary>Bytes of what the log holds, by the accounts that appends and deletions keep.</summary>
    public Task<long> BytesInUse(CancellationToken cancellationToken) => AskNumber(
        "SELECT appended_bytes - (SELECT removed_bytes FROM kine_size WHERE one = 1) FROM kine_fence WHERE one = 1", cancellationToken);

    /// <summary>Bytes that the tables take in their files, as the server last counted them.</summary>
    public Task<long> BytesOnDisk(CancellationToken cancellationToken) => AskNumber(
        """
        SELECT SUM(data_length + index_length + data_free) FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name IN ('kine_log', 'kine_side')
        """,
        cancellationToken);

    /// <summary>See <see cref="IUpstreamTable.HasUpstreamTable"/>.</summary>
    public async Task<bool> HasUpstreamTable(CancellationToken cancellationToken) => await AskNumber(
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'kine'", cancellationToken).ConfigureAwait(false) > 0;

    /// <summary>See <see cref="IUpstreamTable.ReadUpstreamRows"/>.</summary>
    public async Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken)
    {
        var rows = new List<UpstreamRow>();
        await Ask("a read of upstream's table", connection =>
        {
            rows.Clear();
            // Names are bytes: the session's character set must not touch them.
            return connection.Run(
                $"""
                SELECT id, CAST(name AS BINARY), created, deleted, create_revision, prev_revision, lease, value FROM kine FORCE INDEX (PRIMARY)
                WHERE id > {Math.Max(afterId, 0)} ORDER BY id LIMIT {Math.Max(maxRows, 0)}
                """,
                row => rows.Add(new UpstreamRow(
                    row.Long(0), row.Bytes(1), row.Long(2) != 0, row.Long(3) != 0, row.Long(4), row.Long(5), row.Long(6), row.Bytes(7))));
        }, cancellationToken).ConfigureAwait(false);
        return rows;
    }

    private async Task<long> AskNumber(string sql, CancellationToken cancellationToken)
    {
        long number = 0;
        await Ask("a look at the size", connection => connection.Run(sql, row => number = row.Long(0)), cancellationToken).ConfigureAwait(false);
        return number;
    }

    // A query that has begun is never cut short.
    private Task Ask(string what, Func<MySqlConnection, Task> query, CancellationToken cancellationToken) => queries.Run(
        what,
        async (connection, _) =>
        {
            await query(connection.Inner).ConfigureAwait(false);
            return true;
        },
        cancellationToken);
}
