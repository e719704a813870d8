using System.Diagnostics;
using Kine.Backends.Sql;
using Npgsql;
using NpgsqlTypes;

namespace Kine.Backends.Postgres;

/// <summary>Reads, each of short queries on any connection; a query whose connection was lost is asked again on another one.</summary>
internal sealed class LogReader(PostgresServers servers, PostgresOptions options, SlowStatements slow)
{
    private const int Attempts = 4;
    private const int RecordsPerQuery = 10_000;
    private const int ValuesPerQuery = 1000;
    private const int WholeRecordsPerQuery = 1000;
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(1);

    // Lengths are in the row or in its pointer to a value stored apart, which is not read.
    private const string Metadata =
        """
        SELECT id, create_revision, version, lease, tombstone, octet_length(value), key FROM kine_log WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3
        """;

    // The rows before which less than $4 bytes were read.
    private const string Records =
        """
        SELECT id, create_revision, version, lease, tombstone, key, value FROM (
            SELECT *, sum(octet_length(key) + octet_length(value)) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM (SELECT * FROM kine_log WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) page) summed
        WHERE coalesce(before, 0) < $4 ORDER BY id
        """;

    private const string Values = "SELECT id, value FROM kine_log WHERE id = ANY($1)";

    private const string DeletePiece =
        $"""
        WITH gone AS (DELETE FROM kine_log WHERE id = ANY($1) AND (SELECT set_config('synchronous_commit', 'off', true) || set_config('lock_timeout', '5s', true)) IS NOT NULL
            RETURNING octet_length(key) + octet_length(value) + $2 AS bytes)
        UPDATE kine_freed SET bytes = bytes + (SELECT coalesce(sum(gone.bytes), 0) FROM gone)
        """;

    private const string SizeQuery =
        """
        SELECT pg_total_relation_size('kine_log') + pg_total_relation_size('kine_side') + pg_total_relation_size('kine_fence'),
            (SELECT bytes FROM kine_fence) - (SELECT bytes FROM kine_freed) + pg_relation_size('kine_side')
        """;

    /// <summary>See <see cref="IRevisionStore.ScanMetadata"/>.</summary>
    public async Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        long visited = -1;
        while (maxRecords > 0 && position < last)
        {
            var limit = Math.Min(maxRecords, RecordsPerQuery);
            // Asked again after a loss, it goes on behind what was visited.
            var got = 0;
            await Run("a scan", async (connection, cancellation) =>
            {
                await using var command = new NpgsqlCommand(Metadata, connection);
                Add(command, NpgsqlDbType.Bigint, position);
                Add(command, NpgsqlDbType.Bigint, last);
                Add(command, NpgsqlDbType.Bigint, (long)(limit - got));
                await using var reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
                while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
                {
                    position = visited = reader.GetInt64(0);
                    got++;
                    Visit(reader, visit);
                }
                return true;
            }, cancellationToken).ConfigureAwait(false);
            if (got < limit)
            {
                break;
            }

            maxRecords -= got;
        }
        return visited < 0 ? null : RecordKey.IdOf(visited);
    }

    private static void Visit(NpgsqlDataReader reader, MetadataVisitor visit)
    {
        var id = RecordKey.IdOf(reader.GetInt64(0));
        var record = new RecordMetadata(
            id.Revision, id.Sub, reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetBoolean(4), reader.GetInt32(5));
        visit(in record, reader.GetFieldValue<byte[]>(6));
    }

    /// <summary>See <see cref="IRevisionStore.ReadRecords"/>.</summary>
    public async Task<List<LogRecord>> ReadRecords(RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        var position = RecordKey.NotPast(after);
        var last = RecordKey.LastOf(toRevision);
        while (records.Count < maxRecords && maxBytes > 0 && position < last)
        {
            var limit = Math.Min(maxRecords - records.Count, WholeRecordsPerQuery);
            var before = records.Count;
            maxBytes -= await Run("a read of records", (connection, cancellation) => ReadPage(connection, position, last, limit, maxBytes, records, before, cancellation), cancellationToken)
                .ConfigureAwait(false);
            if (records.Count - before < limit)
            {
                break;
            }

            position = RecordKey.Of(records[^1].Id);
        }
        return records;
    }

    private static async Task<long> ReadPage(
        NpgsqlConnection connection, long position, long last, int limit, long maxBytes, List<LogRecord> records, int keep, CancellationToken cancellationToken)
    {
        records.RemoveRange(keep, records.Count - keep);
        await using var command = new NpgsqlCommand(Records, connection);
        Add(command, NpgsqlDbType.Bigint, position);
        Add(command, NpgsqlDbType.Bigint, last);
        Add(command, NpgsqlDbType.Bigint, (long)limit);
        Add(command, NpgsqlDbType.Bigint, maxBytes);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        long bytes = 0;
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var id = RecordKey.IdOf(reader.GetInt64(0));
            var key = reader.GetFieldValue<byte[]>(5);
            var value = reader.GetFieldValue<byte[]>(6);
            bytes += key.Length + value.Length;
            records.Add(new LogRecord(
                id.Revision, id.Sub, key, reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetBoolean(4), value));
        }
        return bytes;
    }

    /// <summary>See <see cref="IRevisionStore.ReadValues"/>.</summary>
    public async Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        var values = new byte[]?[ids.Length];
        (var keys, var places) = Sorted(ids.Span);
        for (var start = 0; start < keys.Length; start += ValuesPerQuery)
        {
            var from = start;
            var to = Math.Min(start + ValuesPerQuery, keys.Length);
            await Run("a read of values", (connection, cancellation) => ReadSorted(connection, keys, places, from, to, values, cancellation), cancellationToken)
                .ConfigureAwait(false);
        }
        return values;
    }

    private static (long[] Keys, int[] Places) Sorted(ReadOnlySpan<RecordId> ids)
    {
        var keys = new List<long>(ids.Length);
        var places = new List<int>(ids.Length);
        for (var i = 0; i < ids.Length; i++)
        {
            if (!RecordKey.Fits(ids[i]))
            {
                continue;
            }

            keys.Add(RecordKey.Of(ids[i]));
            places.Add(i);
        }
        long[] sorted = [.. keys];
        int[] followed = [.. places];
        Array.Sort(sorted, followed);
        return (sorted, followed);
    }

    private static async Task<bool> ReadSorted(
        NpgsqlConnection connection, long[] keys, int[] places, int from, int to, byte[]?[] values, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(Values, connection);
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Bigint, keys[from..to]);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
        {
            var key = reader.GetInt64(0);
            var value = reader.GetFieldValue<byte[]>(1);
            var at = Array.BinarySearch(keys, from, to - from, key);
            while (at > from && keys[at - 1] == key)
            {
                at--;
            }

            for (; at < to && keys[at] == key; at++)
            {
                values[places[at]] = value;
            }
        }
        return true;
    }

    /// <summary>Deletes those of the records that are there.</summary>
    public Task Delete(long[] keys, CancellationToken cancellationToken) => Run("a deletion", async (connection, cancellation) =>
    {
        // A crash may undo it, and nobody would miss it: it waits for no disk.
        await using var command = new NpgsqlCommand(DeletePiece, connection);
        Add(command, NpgsqlDbType.Array | NpgsqlDbType.Bigint, keys);
        Add(command, NpgsqlDbType.Integer, PostgresSchema.BytesPerRecord);
        await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
        return true;
    }, cancellationToken);

    /// <summary>See <see cref="IRevisionStore.ReadSide"/>.</summary>
    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => Run("a read of side state", async (connection, cancellation) =>
    {
        await using var command = new NpgsqlCommand("SELECT kind, key, value FROM kine_side", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        var rows = new List<SideRow>();
        while (await reader.ReadAsync(cancellation).ConfigureAwait(false))
        {
            rows.Add(new SideRow((SideKind)reader.GetInt32(0), reader.GetFieldValue<byte[]>(1), reader.GetFieldValue<byte[]>(2)));
        }

        return rows;
    }, cancellationToken);

    /// <summary>Bytes of the tables' files, and of what the records in them take.</summary>
    public Task<StoreSize> Size(CancellationToken cancellationToken) => Run("a look at the size", async (connection, cancellation) =>
    {
        await using var command = new NpgsqlCommand(SizeQuery, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellation).ConfigureAwait(false);
        await reader.ReadAsync(cancellation).ConfigureAwait(false);
        (var total, var inUse) = (reader.GetInt64(0), reader.GetInt64(1));
        return new StoreSize(Math.Max(total, inUse), inUse);
    }, cancellationToken);

    /// <summary>Runs a query on a connection of its own, again on another one when that was lost. Throws <see cref="StoreUnavailableException"/>.</summary>
    public async Task<T> Run<T>(string what, Func<NpgsqlConnection, CancellationToken, Task<T>> query, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var connection = await servers.Connect(ConnectPatience, cancellationToken).ConfigureAwait(false);
            var start = Stopwatch.GetTimestamp();
            try
            {
                var result = await query(connection, cancellationToken).ConfigureAwait(false);
                slow.Note(what, start);
                return result;
            }
            catch (Exception error) when (PostgresError.IsFailure(error) && !cancellationToken.IsCancellationRequested)
            {
                var again = attempt < Attempts && PostgresError.IsConflict(error);
                if (!PostgresError.IsRefusal(error) || PostgresError.IsReadOnly(error))
                {
                    servers.Lost();
                    again = attempt < Attempts && !PostgresError.IsTimeout(error);
                }
                if (!again)
                {
                    throw new StoreUnavailableException($"{options.Description} failed at {what}: {PostgresError.Text(error)}", error);
                }
            }
            finally
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private static void Add<T>(NpgsqlCommand command, NpgsqlDbType type, T value) =>
        command.Parameters.Add(new NpgsqlParameter<T> { NpgsqlDbType = type, TypedValue = value });
}
