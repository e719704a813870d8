using System.Runtime.InteropServices;
using Kine.Backends.Sql;
using Npgsql;
using NpgsqlTypes;

namespace Kine.Backends.Postgres;

/// <summary>
/// Writes batches: one statement that moves the fence and inserts from arrays, so that its text does not depend on what the batch holds. A batch too large
/// for one goes in parts, in one transaction whose first statement locks and checks the fence.
/// </summary>
/// <param name="servers">Where connections come from.</param>
/// <param name="slow">Notes how long things took.</param>
internal sealed class LogWriter(PostgresServers servers, SlowStatements slow) : SqlLogWriter
{
    private const int PartRecords = 8192;
    private const long PartBytes = 8 << 20;
    private const int TakeOverAttempts = 3;

    private const string Insert = "INSERT INTO kine_log(id, create_revision, version, lease, tombstone, key, value)";

    private const string AppendRecords =
        $"""
        WITH fence AS ({FenceRow.Append}),
        log AS ({Insert} SELECT * FROM unnest($6, $7, $8, $9, $10, $11, $12) WHERE EXISTS (SELECT FROM fence))
        SELECT count(*) FROM fence
        """;

    private const string AppendRecordsAndSide =
        $"""
        WITH fence AS ({FenceRow.Append}),
        log AS ({Insert} SELECT * FROM unnest($6, $7, $8, $9, $10, $11, $12) WHERE EXISTS (SELECT FROM fence)),
        gone AS (DELETE FROM kine_side side USING unnest($13, $14) gone(kind, key)
            WHERE side.kind = gone.kind AND side.key = gone.key AND EXISTS (SELECT FROM fence)),
        put AS (INSERT INTO kine_side(kind, key, value) SELECT * FROM unnest($15, $16, $17) WHERE EXISTS (SELECT FROM fence)
            ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value)
        SELECT count(*) FROM fence
        """;

    private const string InsertPart = $"{Insert} SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)";
    private const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED";

    // A writer that vanishes between two parts must not keep the fence locked.
    private const string BoundIdleness = "SELECT set_config('idle_in_transaction_session_timeout', '15s', true)";

    private readonly PostgresOptions _options = servers.Options;
    private readonly FencedWriter<Connection> _appends = New(servers, slow);

    // A sign of life, or a take-over, does not wait for an append that hangs.
    private readonly FencedWriter<Connection> _claims = New(servers, slow);

    private static FencedWriter<Connection> New(PostgresServers servers, SlowStatements slow) =>
        new(servers, servers.ConnectToWrite, TimeSpan.FromSeconds(servers.Options.Connection.ConnectionLifetime), slow);

    /// <summary>
    /// See <see cref="IRevisionStore.TakeOver"/>. When an answer is lost, the same take-over is asked for again: it happens at most once, and the row
    /// tells by the holder whether it has.
    /// </summary>
    public override async Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime)
    {
        OutcomeUnknownException? lost = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var taken = await Change(
                    "a take-over", FenceRow.TakeOver, holder, address, (long)leaseTime.TotalMilliseconds, seen.Epoch, seen.Counter).ConfigureAwait(false);
                // An earlier attempt may have landed. A renewal proves it, and that it is as durable as what comes after it.
                return taken is not null || lost is null
                    ? taken
                    : await Change("a take-over", FenceRow.Renew, seen.Epoch + 1, holder).ConfigureAwait(false);
            }
            catch (OutcomeUnknownException error) when (attempt < TakeOverAttempts)
            {
                lost = error;
            }
            catch (StoreUnavailableException) when (lost is not null)
            {
                throw new OutcomeUnknownException(lost.Message, lost);
            }
        }
    }

    public override async Task Renew(FenceToken token)
    {
        if (await Change("a renewal", FenceRow.Renew, token.Epoch, token.Holder).ConfigureAwait(false) is null)
            throw Fenced($"a renewal of epoch {token.Epoch}");
    }

    public override async Task Release(FenceToken token)
    {
        if (await Change("a release", FenceRow.Release, token.Epoch, token.Holder).ConfigureAwait(false) is null)
            throw Fenced($"a release of epoch {token.Epoch}");
    }

    private Task<Fence?> Change(string what, string statement, params object[] values) => _claims.Run(what, _options.AppendTimeout, async connection =>
    {
        using var command = connection.Command(statement);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });

        connection.Committing();
        return await FenceRow.Change(command).ConfigureAwait(false);
    });

    public override async Task Append(AppendBatch batch)
    {
        (var bytes, _) = Measure(batch, PostgresSchema.BytesPerRecord);
        var moved = batch.Records.Count <= PartRecords && bytes <= PartBytes
            ? await _appends.Run("an append", _options.AppendTimeout, connection => AppendAtOnce(connection, batch, bytes)).ConfigureAwait(false)
            : await _appends.Run(
                "a large append",
                FencedWriter<Connection>.LimitFor(_options.AppendTimeout, batch.Records.Count, bytes),
                connection => AppendInParts(connection, batch, bytes)).ConfigureAwait(false);
        if (!moved)
            throw Fenced($"an append of epoch {batch.Token.Epoch} after revision {batch.ExpectedRevision}");
    }

    private FencedException Fenced(string what) => new($"{_options.Description} refused {what}: its fence has another epoch, holder or last revision");

    private static async Task<bool> AppendAtOnce(Connection connection, AppendBatch batch, long bytes)
    {
        using var command = connection.Command(batch.Side.Count > 0 ? AppendRecordsAndSide : AppendRecords);
        BindFence(command.Parameters, batch, bytes);
        BindRecords(command.Parameters, CollectionsMarshal.AsSpan(batch.Records));
        if (batch.Side.Count > 0)
            BindSide(command.Parameters, batch.Side);

        connection.Committing();
        return (long)(await command.ExecuteScalarAsync().ConfigureAwait(false))! == 1;
    }

    private static async Task<bool> AppendInParts(Connection connection, AppendBatch batch, long bytes)
    {
        if (!await BeginParts(connection, batch, bytes).ConfigureAwait(false))
        {
            await connection.Run("ROLLBACK").ConfigureAwait(false);
            return false;
        }
        for (var done = 0; done < batch.Records.Count;)
        {
            var count = PartLength(CollectionsMarshal.AsSpan(batch.Records)[done..]);
            using var insert = connection.Command(InsertPart);
            BindRecords(insert.Parameters, CollectionsMarshal.AsSpan(batch.Records).Slice(done, count));
            await insert.ExecuteNonQueryAsync().ConfigureAwait(false);
            done += count;
        }
        connection.Committing();
        await connection.Run("COMMIT").ConfigureAwait(false);
        return true;
    }

    private static async Task<bool> BeginParts(Connection connection, AppendBatch batch, long bytes)
    {
        await connection.Run(Begin).ConfigureAwait(false);
        await connection.Run(BoundIdleness).ConfigureAwait(false);
        // Fence and side state first, by the statement of a batch without records.
        using var command = connection.Command(AppendRecordsAndSide);
        BindFence(command.Parameters, batch, bytes);
        BindRecords(command.Parameters, default);
        BindSide(command.Parameters, batch.Side);
        return (long)(await command.ExecuteScalarAsync().ConfigureAwait(false))! == 1;
    }

    private static int PartLength(ReadOnlySpan<LogRecord> records)
    {
        var count = 0;
        for (long bytes = 0; count < records.Length && count < PartRecords && bytes < PartBytes; count++)
            bytes += records[count].Key.Length + records[count].Value.Length + PostgresSchema.BytesPerRecord;

        return count;
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
            last[(row.Kind, Convert.ToHexString(row.Key))] = row;

        SideRow[] gone = [.. last.Values.Where(row => row.Value is null)];
        SideRow[] put = [.. last.Values.Where(row => row.Value is not null)];
        AddArray(parameters, NpgsqlDbType.Integer, Array.ConvertAll(gone, row => (int)row.Kind));
        AddArray(parameters, NpgsqlDbType.Bytea, Array.ConvertAll(gone, row => row.Key));
        AddArray(parameters, NpgsqlDbType.Integer, Array.ConvertAll(put, row => (int)row.Kind));
        AddArray(parameters, NpgsqlDbType.Bytea, Array.ConvertAll(put, row => row.Key));
        AddArray(parameters, NpgsqlDbType.Bytea, Array.ConvertAll(put, row => row.Value!));
    }

    private static void Add<T>(NpgsqlParameterCollection parameters, NpgsqlDbType type, T value) =>
        parameters.Add(new NpgsqlParameter<T> { NpgsqlDbType = type, TypedValue = value });

    private static void AddArray<T>(NpgsqlParameterCollection parameters, NpgsqlDbType element, T[] values) =>
        Add(parameters, NpgsqlDbType.Array | element, values);

    public override async ValueTask DisposeAsync()
    {
        await _appends.DisposeAsync().ConfigureAwait(false);
        await _claims.DisposeAsync().ConfigureAwait(false);
    }
}
