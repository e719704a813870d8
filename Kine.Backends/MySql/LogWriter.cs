using System.Text;
using Kine.Backends.Sql;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>
/// Each transaction is one packet that ends with its COMMIT; <see cref="FenceRow.Guard"/> fails where the fence does not match. A batch too long for a packet
/// goes in several, the last with the COMMIT. Errors leave as the store's own exceptions.
/// </summary>
internal sealed class LogWriter(MySqlServer server, SlowStatements slow) : SqlLogWriter
{
    /// <summary>Bytes that a record is counted with beside its key and value.</summary>
    public const int RowBytes = 64;

    private const int PacketBytes = 4 << 20;
    private const string Insert =
        "INSERT INTO kine_log(id, create_revision, version, lease, tombstone, value_length, `key`, value) VALUES (";
    private const string Replace = "REPLACE INTO kine_side(kind, `key`, value) VALUES (";
    private readonly FencedWriter<Connection> _writer =
        new(server, server.ConnectToWrite, server.Options.Settings.ConnectionMaxLifetime, slow);

    // An answer never takes longer, unless the endpoint allows any time.
    private TimeSpan Limit => server.Options.ReadTimeout > TimeSpan.Zero ? server.Options.ReadTimeout : Timeout.InfiniteTimeSpan;

    public override Task Append(AppendBatch batch)
    {
        (var bytes, var longest) = Measure(batch, RowBytes);
        var most = server.Traits.MaxPacket - (64 << 10);
        if (2 * longest > most)
            throw new StoreUnavailableException($"a record of {longest} bytes does not fit the server's max_allowed_packet; set it to at least {2 * longest + (1 << 20)}");

        var limit = bytes < PacketBytes ? Limit : FencedWriter<Connection>.LimitFor(Limit, batch.Records.Count, bytes);
        return Transact("an append", limit, async connection =>
        {
            connection.Statement("UPDATE kine_fence SET counter = counter + 1, last_revision = ").Add(batch.LastRevision)
                .Add(", appended_bytes = appended_bytes + ").Add(bytes);
            WhereHolder(connection, batch.Token).Add(" AND last_revision = ").Add(batch.ExpectedRevision);
            connection.Query(FenceRow.Guard);
            var room = Math.Min(PacketBytes, most);
            try
            {
                await AddRecords(connection, batch.Records, room).ConfigureAwait(false);
                await AddSide(connection, batch.Side, room).ConfigureAwait(false);
                connection.Query("SELECT 1");
                await connection.Commit().ConfigureAwait(false);
            }
            catch (MySqlException error) when (connection.Answered == 0 && MySqlError.Code(error) == MySqlError.OutOfRange)
            {
                throw await Fenced(connection, $"an append of epoch {batch.Token.Epoch} after revision {batch.ExpectedRevision}").ConfigureAwait(false);
            }
            return true;
        });
    }

    public override Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime) => Transact("a take-over", Limit, async connection =>
    {
        connection.Statement("UPDATE kine_fence SET epoch = epoch + 1, counter = counter + 1, holder = ").Add(Bytes(holder))
            .Add(", address = ").Add(Encoding.UTF8.GetBytes(address)).Add(", lease_ms = ").Add((long)leaseTime.TotalMilliseconds)
            .Add(" WHERE one = 1 AND epoch = ").Add(seen.Epoch).Add(" AND counter = ").Add(seen.Counter);
        connection.Query($"{FenceRow.Select} AND ROW_COUNT() = 1");
        Fence? written = null;
        await connection.Commit(row => written = FenceRow.Read(row)).ConfigureAwait(false);
        return written;
    });

    public override Task Renew(FenceToken token) => Change("a renewal", "", token);

    public override Task Release(FenceToken token) => Change("a release", ", holder = x'00000000000000000000000000000000', address = ''", token);

    private Task Change(string what, string columns, FenceToken token) => Transact(what, Limit, async connection =>
    {
        WhereHolder(connection.Statement("UPDATE kine_fence SET counter = counter + 1").Add(columns), token);
        connection.Query("SELECT ROW_COUNT()");
        long changed = 0;
        await connection.Commit(row => changed = row.Long(0)).ConfigureAwait(false);
        return changed == 1 ? true : throw await Fenced(connection, $"{what} of epoch {token.Epoch}").ConfigureAwait(false);
    });

    private static async Task AddRecords(Connection connection, List<LogRecord> records, long room)
    {
        foreach (var record in records)
        {
            await MakeRoom(connection, record.Key.Length + record.Value.Length, room).ConfigureAwait(false);
            connection.Row(Insert)
                .Add(RecordKey.Of(record.Id)).Add(",").Add(record.CreateRevision).Add(",").Add(record.Version).Add(",").Add(record.Lease)
                .Add(record.Tombstone ? ",1," : ",0,").Add(record.Value.Length).Add(",").Add(record.Key).Add(",").Add(record.Value).Add(")");
        }
    }

    private static async Task AddSide(Connection connection, List<SideRow> rows, long room)
    {
        foreach (var row in rows)
        {
            await MakeRoom(connection, row.Key.Length + (row.Value?.Length ?? 0), room).ConfigureAwait(false);
            if (row.Value is not { } value)
                connection.Statement("DELETE FROM kine_side WHERE kind = ").Add((long)row.Kind).Add(" AND `key` = ").Add(row.Key);
            else
                connection.Row(Replace).Add((long)row.Kind).Add(",").Add(row.Key).Add(",").Add(value).Add(")");
        }
    }

    private static Task MakeRoom(Connection connection, int bytes, long room) =>
        connection.Length > 0 && connection.Length + (2L * bytes) + 256 > room ? connection.Send() : Task.CompletedTask;

    private static Connection WhereHolder(Connection connection, FenceToken token) =>
        connection.Add(" WHERE one = 1 AND epoch = ").Add(token.Epoch).Add(" AND holder = ").Add(Bytes(token.Holder));

    private static ReadOnlyMemory<byte> Bytes(Guid id) => id.ToByteArray(bigEndian: true);

    private async Task<FencedException> Fenced(Connection connection, string what)
    {
        var inner = (MySqlConnection)connection.Inner;
        await inner.Run("ROLLBACK").ConfigureAwait(false);
        var now = await FenceRow.Read(inner).ConfigureAwait(false);
        await inner.Run("ROLLBACK").ConfigureAwait(false);
        return new FencedException($"{server.Description} refused {what}: its fence is now {now}");
    }

    private Task<T> Transact<T>(string what, TimeSpan limit, Func<Connection, Task<T>> transaction) => _writer.Run(what, limit, async connection =>
    {
        connection.Clear();
        try
        {
            return await transaction(connection).ConfigureAwait(false);
        }
        catch (MySqlException error) when (MySqlError.Code(error) != 0)
        {
            var committed = connection.ReachedCommit && !MySqlError.RefusesCommit(error);
            await RollBack(connection).ConfigureAwait(false);
            if (committed)
                throw new OutcomeUnknownException($"{server.Description} did not say whether it committed: {MySqlError.Text(error)}", error);

            if (MySqlError.Code(error) == MySqlError.DuplicateKey)
                throw new StoreBrokenException($"{server.Description} holds records that its fence knows nothing of: {MySqlError.Text(error)}", error);

            if (MySqlError.Classify(error) is SqlFailure.Conflict or SqlFailure.ReadOnly or SqlFailure.Full)
                throw;

            throw new StoreUnavailableException($"{server.Description} is not available: {MySqlError.Text(error)}", error);
        }
    });

    // Locks must be gone when the caller learns of the error; then the connection goes, too.
    private static async Task RollBack(Connection connection)
    {
        connection.IsBroken = true;
        try
        {
            await ((MySqlConnection)connection.Inner).Run("ROLLBACK").ConfigureAwait(false);
        }
        catch (Exception error) when (MySqlError.Classify(error) != SqlFailure.None)
        {
            // The connection is lost, and the server rolls back by itself.
        }
    }

    public override ValueTask DisposeAsync() => _writer.DisposeAsync();
}
