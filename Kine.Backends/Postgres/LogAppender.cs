using System.Runtime.InteropServices;
using Kine.Backends.Sql;
using Npgsql;
using NpgsqlTypes;

namespace Kine.Backends.Postgres;

/// <summary>
/// Writes batches: one statement that moves the fence and inserts from arrays, so that its text does not depend on what the batch holds. A batch too large
/// for one goes in parts, in one transaction whose first statement locks and checks the fence.
/// </summary>
internal sealed class LogAppender(Writer writer, PostgresOptions options)
{
    private const int PartRecords = 8192;
    private const long PartBytes = 8 << 20;

    private const string MoveFence =
        $"""
        UPDATE kine_fence SET counter = counter + 1, last_revision = $1, bytes = bytes + $2
        WHERE one = 1 AND epoch = $3 AND holder = $4 AND last_revision = $5 AND {FenceTable.Durably} RETURNING one
        """;

    private const string Log = "INSERT INTO kine_log(id, create_revision, version, lease, tombstone, key, value) SELECT * FROM unnest($6, $7, $8, $9, $10, $11, $12)";

    private const string AppendRecords =
        $"""
        WITH fence AS ({MoveFence}),
        log AS ({Log} WHERE EXISTS (SELECT FROM fence))
        SELECT count(*) FROM fence
        """;

    private const string AppendRecordsAndSide =
        $"""
        WITH fence AS ({MoveFence}),
        log AS ({Log} WHERE EXISTS (SELECT FROM fence)),
        gone AS (DELETE FROM kine_side side USING unnest($13, $14) gone(kind, key)
            WHERE side.kind = gone.kind AND side.key = gone.key AND EXISTS (SELECT FROM fence)),
        put AS (INSERT INTO kine_side(kind, key, value) SELECT * FROM unnest($15, $16, $17) WHERE EXISTS (SELECT FROM fence)
            ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value)
        SELECT count(*) FROM fence
        """;

    private const string InsertPart =
        "INSERT INTO kine_log(id, create_revision, version, lease, tombstone, key, value) SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)";

    private const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED";

    // A writer that vanishes between two parts must not keep the fence locked.
    private const string BoundIdleness = "SELECT set_config('idle_in_transaction_session_timeout', '15s', true)";

    /// <summary>See <see cref="IRevisionStore.Append"/>.</summary>
    public async Task Append(AppendBatch batch)
    {
        var records = Records(batch);
        long bytes = 0;
        foreach (ref readonly var record in records.Span)
        {
            bytes += Size(in record);
        }

        var moved = records.Length <= PartRecords && bytes <= PartBytes
            ? await writer.Run("an append", options.AppendTimeout, connection => AppendAtOnce(connection, batch, records, bytes)).ConfigureAwait(false)
            : await writer.Run("a large append", Limit(records.Length, bytes), connection => AppendInParts(connection, batch, records, bytes)).ConfigureAwait(false);
        if (!moved)
        {
            throw new FencedException(
                $"{options.Description} refused an append of epoch {batch.Token.Epoch} after revision {batch.ExpectedRevision}: "
                + "its fence has another epoch, holder or last revision");
        }
    }

    // A slow disk still writes 1 MiB or 2,000 rows a second.
    private TimeSpan Limit(int records, long bytes) => options.AppendTimeout + TimeSpan.FromSeconds(records / 2000.0 + bytes / (double)(1 << 20));

    private static async Task<bool> AppendAtOnce(WriteConnection connection, AppendBatch batch, ReadOnlyMemory<LogRecord> records, long bytes)
    {
        await using var command = new NpgsqlCommand(batch.Side.Count > 0 ? AppendRecordsAndSide : AppendRecords, connection.Connection) { CommandTimeout = 0 };
        BindFence(command.Parameters, batch, bytes);
        BindRecords(command.Parameters, records.Span);
        if (batch.Side.Count > 0)
        {
            BindSide(command.Parameters, batch.Side);
        }

        connection.Committing();
        return (long)(await command.ExecuteScalarAsync().ConfigureAwait(false))! == 1;
    }

    private static async Task<bool> AppendInParts(WriteConnection connection, AppendBatch batch, ReadOnlyMemory<LogRecord> records, long bytes)
    {
        if (!await BeginParts(connection.Connection, batch, bytes).ConfigureAwait(false))
        {
            await Execute(connection.Connection, "ROLLBACK").ConfigureAwait(false);
            return false;
        }
        while (records.Length > 0)
        {
            var count = PartLength(records.Span);
            await using var insert = new NpgsqlCommand(InsertPart, connection.Connection) { CommandTimeout = 0 };
            BindRecords(insert.Parameters, records.Span[..count]);
            await insert.ExecuteNonQueryAsync().ConfigureAwait(false);
            records = records[count..];
        }
        connection.Committing();
        await Execute(connection.Connection, "COMMIT").ConfigureAwait(false);
        return true;
    }

    private static async Task<bool> BeginParts(NpgsqlConnection connection, AppendBatch batch, long bytes)
    {
        await Execute(connection, Begin).ConfigureAwait(false);
        await Execute(connection, BoundIdleness).ConfigureAwait(false);
        // Fence and side state first, by the statement of a batch without records.
        await using var command = new NpgsqlCommand(AppendRecordsAndSide, connection) { CommandTimeout = 0 };
        BindFence(command.Parameters, batch, bytes);
        BindRecords(command.Parameters, default);
        BindSide(command.Parameters, batch.Side);
        return (long)(await command.ExecuteScalarAsync().ConfigureAwait(false))! == 1;
    }

    private static int PartLength(ReadOnlySpan<LogRecord> records)
    {
        var count = 0;
        for (long bytes = 0; count < records.Length && count < PartRecords && bytes < PartBytes; count++)
        {
            bytes += Size(in records[count]);
        }

        return count;
    }

    private static async Task Execute(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync().ConfigureAwait(false);
    }

    private static void BindFence(NpgsqlParameterCollection parameters, AppendBatch batch, long bytes)
    {
        Add(parameters, NpgsqlDbType.Bigint, batch.LastRevision);
        Add(parameters, NpgsqlDbType.Bigint, bytes);
        Add(parameters, NpgsqlDbType.Bigint, batch.Token.Epoch);
        Add(parameters, NpgsqlDbType.Uuid, batch.Token.Holder);
        Add(parameters, NpgsqlDbType.Bigint, batch.ExpectedRevision);
    }

    private static void BindRecords(NpgsqlParameterCollection parameters, ReadOnlySpan<LogRecord> records)
    {
        var ids = new long[records.Length];
        var createRevisions = new long[records.Length];
        var versions = new long[records.Length];
        var leases = new long[records.Length];
        var tombstones = new bool[records.Length];
        var keys = new ReadOnlyMemory<byte>[records.Length];
        var values = new ReadOnlyMemory<byte>[records.Length];
        for (var i = 0; i < records.Length; i++)
        {
            ref readonly var record = ref records[i];
            ids[i] = RecordKey.Of(record.Id);
            createRevisions[i] = record.CreateRevision;
            versions[i] = record.Version;
            leases[i] = record.Lease;
            tombstones[i] = record.Tombstone;
            keys[i] = record.Key;
            values[i] = record.Value;
        }
        AddArray(parameters, NpgsqlDbType.Bigint, ids);
        AddArray(parameters, NpgsqlDbType.Bigint, createRevisions);
        AddArray(parameters, NpgsqlDbType.Bigint, versions);
        AddArray(parameters, NpgsqlDbType.Bigint, leases);
        AddArray(parameters, NpgsqlDbType.Boolean, tombstones);
        AddArray(parameters, NpgsqlDbType.Bytea, keys);
        AddArray(parameters, NpgsqlDbType.Bytea, values);
    }

    // Of several changes of one row the last counts; a statement may touch a row only once.
    private static void BindSide(NpgsqlParameterCollection parameters, List<SideRow> rows)
    {
        var last = new Dictionary<(SideKind, string), SideRow>();
        foreach (ref readonly var row in CollectionsMarshal.AsSpan(rows))
        {
            last[(row.Kind, Convert.ToHexString(row.Key))] = row;
        }

        SideRow[] gone = [.. last.Values.Where(row => row.Value is null)];
        SideRow[] put = [.. last.Values.Where(row => row.Value is not null)];
        AddArray(parameters, NpgsqlDbType.Integer, Array.ConvertAll(gone, row => (int)row.Kind));
        AddArray(parameters, NpgsqlDbType.Bytea, Array.ConvertAll(gone, row => row.Key));
        AddArray(parameters, NpgsqlDbType.Integer, Array.ConvertAll(put, row => (int)row.Kind));
        AddArray(parameters, NpgsqlDbType.Bytea, Array.ConvertAll(put, row => row.Key));
        AddArray(parameters, NpgsqlDbType.Bytea, Array.ConvertAll(put, row => row.Value!));
    }

    private static ReadOnlyMemory<LogRecord> Records(AppendBatch batch)
    {
        batch.Check();
        var records = new LogRecord[batch.Records.Count];
        batch.Records.CopyTo(records);
        foreach (ref readonly var record in records.AsSpan())
        {
            if (!RecordKey.Fits(record.Id))
            {
                throw new ArgumentException($"record {record.Id} is past what this store can number ({RecordKey.MaxRevision}, {RecordKey.MaxSub})");
            }
        }
        return records;
    }

    private static long Size(in LogRecord record) => record.Key.Length + record.Value.Length + PostgresSchema.BytesPerRecord;

    private static void Add<T>(NpgsqlParameterCollection parameters, NpgsqlDbType type, T value) =>
        parameters.Add(new NpgsqlParameter<T> { NpgsqlDbType = type, TypedValue = value });

    private static void AddArray<T>(NpgsqlParameterCollection parameters, NpgsqlDbType element, T[] values) =>
        Add(parameters, NpgsqlDbType.Array | element, values);
}
