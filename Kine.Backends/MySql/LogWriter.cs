using System.Runtime.InteropServices;

namespace Kine.Backends.MySql;

/// <summary>
/// The transactions of the fence's holder, on the writer's thread. Each is one packet, so one round trip, that ends with its COMMIT: the server stops at
/// the first statement that fails, and <see cref="FenceRow.Guard"/> fails where the fence does not match. A batch too long for a packet goes in several,
/// the last with the COMMIT. Errors leave as the store's own exceptions.
/// <para>
/// In a cluster whose other servers take writes as well, a statement goes alone: Galera (seen with MariaDB 10.11) may roll a transaction back between two
/// statements of a packet and run the next one as a new transaction, which would commit records without their fence. Between two packets it says so.
/// </para>
/// </summary>
internal sealed class LogWriter(Connector connector)
{
    /// <summary>Bytes that a record is counted with beside its key and value.</summary>
    public const int RowBytes = 64;

    private const int PacketBytes = 4 << 20;
    private const int Tries = 6; // of a transaction that others push aside
    private const int SlowBytes = 32 << 20; // from here on a batch gets time by its length
    private const int BytesPerSecond = 1 << 20;
    private readonly long[] _changed = new long[1];
    private readonly List<int> _starts = []; // of the statements in the text so far

    /// <summary>See <see cref="IRevisionStore.Append"/>.</summary>
    public bool Append(Session session, AppendBatch batch)
    {
        var bytes = Measure(batch, out var longest);
        var most = connector.Traits.MaxPacket - (64 << 10);
        if (2 * longest > most)
        {
            throw new StoreUnavailableException($"a record of {longest} bytes does not fit the server's max_allowed_packet; set it to at least {2 * longest + (1 << 20)}");
        }

        var timeout = bytes < SlowBytes || connector.Options.ReadTimeout <= TimeSpan.Zero
            ? connector.Options.ReadTimeout
            : connector.Options.ReadTimeout + TimeSpan.FromSeconds(bytes / BytesPerSecond);
        return Transact(session, timeout, connection =>
        {
            var text = Begin(session);
            Statement(text, "UPDATE kine_fence SET counter = counter + 1, last_revision = "u8).Add(batch.LastRevision)
                .Add(", appended_bytes = appended_bytes + "u8).Add(bytes);
            WhereHolder(text, batch.Token).Add(" AND last_revision = "u8).Add(batch.ExpectedRevision);
            Statement(text, FenceRow.Guard);
            try
            {
                AddRecords(connection, text, batch, Math.Min(PacketBytes, most));
                AddSide(connection, text, batch, Math.Min(PacketBytes, most));
                Commit(connection, text);
            }
            catch (MySqlError error) when (error is { Code: MySqlError.OutOfRange, Statement: 1 })
            {
                throw Fenced(connection, $"an append of epoch {batch.Token.Epoch} after revision {batch.ExpectedRevision}");
            }
            return true;
        });
    }

    /// <summary>See <see cref="IRevisionStore.TakeOver"/>.</summary>
    public Fence? TakeOver(Session session, Fence seen, Guid holder, string address, TimeSpan leaseTime) =>
        Transact(session, connector.Options.ReadTimeout, connection =>
        {
            var text = Begin(session);
            Statement(text, "UPDATE kine_fence SET epoch = epoch + 1, counter = counter + 1, holder = "u8).Literal(holder)
                .Add(", address = "u8).Literal(address).Add(", lease_ms = "u8).Add((long)leaseTime.TotalMilliseconds)
                .Add(" WHERE one = 1 AND epoch = "u8).Add(seen.Epoch).Add(" AND counter = "u8).Add(seen.Counter);
            Statement(text, System.Text.Encoding.ASCII.GetBytes(FenceRow.Select));
            Fence? written = null;
            Commit(connection, text, row => written = FenceRow.Read(row));
            return _changed[0] == 1 ? written : null;
        });

    /// <summary>See <see cref="IRevisionStore.Renew"/>.</summary>
    public bool Renew(Session session, FenceToken token) => Change(session, "counter = counter + 1"u8, token, "a renewal");

    /// <summary>See <see cref="IRevisionStore.Release"/>.</summary>
    public bool Release(Session session, FenceToken token) => Change(
        session, "counter = counter + 1, holder = x'00000000000000000000000000000000', address = ''"u8, token, "a release");

    private bool Change(Session session, ReadOnlySpan<byte> columns, FenceToken token, string what)
    {
        var set = columns.ToArray();
        return Transact(session, connector.Options.ReadTimeout, connection =>
        {
            var text = Begin(session);
            WhereHolder(Statement(text, "UPDATE kine_fence SET "u8).Add(set), token);
            Commit(connection, text);
            return _changed[0] == 1 ? true : throw Fenced(connection, $"{what} of epoch {token.Epoch}");
        });
    }

    private static long Measure(AppendBatch batch, out long longest)
    {
        long bytes = 0;
        longest = 0;
        foreach (ref readonly var record in CollectionsMarshal.AsSpan(batch.Records))
        {
            long one = record.Key.Length + record.Value.Length + RowBytes;
            longest = Math.Max(longest, one);
            bytes += one;
        }
        foreach (ref readonly var row in CollectionsMarshal.AsSpan(batch.Side))
        {
            longest = Math.Max(longest, row.Key.Length + (row.Value?.Length ?? 0) + RowBytes);
        }

        return bytes;
    }

    private void AddRecords(Connection connection, SqlText text, AppendBatch batch, long most)
    {
        var inside = false; // an INSERT that takes more rows
        foreach (ref readonly var record in CollectionsMarshal.AsSpan(batch.Records))
        {
            if (MakeRoom(connection, text, record.Key.Length + record.Value.Length, most))
            {
                inside = false;
            }

            if (inside)
            {
                text.Add(',');
            }
            else
            {
                Statement(text, "INSERT INTO kine_log(id, create_revision, version, lease, tombstone, value_length, `key`, value) VALUES "u8);
            }

            inside = true;
            text.Add('(').Add(RecordKey.Of(record.Id)).Add(',').Add(record.CreateRevision).Add(',').Add(record.Version).Add(',').Add(record.Lease)
                .Add(record.Tombstone ? ",1,"u8 : ",0,"u8).Add(record.Value.Length).Add(',').Literal(record.Key.Span).Add(',').Literal(record.Value.Span).Add(')');
        }
    }

    private void AddSide(Connection connection, SqlText text, AppendBatch batch, long most)
    {
        var inside = false; // a REPLACE that takes more rows
        foreach (ref readonly var row in CollectionsMarshal.AsSpan(batch.Side))
        {
            if (MakeRoom(connection, text, row.Key.Length + (row.Value?.Length ?? 0), most))
            {
                inside = false;
            }

            if (row.Value is null)
            {
                Statement(text, "DELETE FROM kine_side WHERE kind = "u8).Add((long)row.Kind).Add(" AND `key` = "u8).Literal(row.Key);
                inside = false;
                continue;
            }
            if (inside)
            {
                text.Add(',');
            }
            else
            {
                Statement(text, "REPLACE INTO kine_side(kind, `key`, value) VALUES "u8);
            }

            inside = true;
            text.Add('(').Add((long)row.Kind).Add(',').Literal(row.Key).Add(',').Literal(row.Value).Add(')');
        }
    }

    // True when what was in the text is sent, and a new packet begins.
    private bool MakeRoom(Connection connection, SqlText text, int bytes, long most)
    {
        if (text.Length == 0 || text.Length + (2L * bytes) + 256 <= most)
        {
            return false;
        }

        Send(connection, text, null);
        text.Clear();
        _starts.Clear();
        return true;
    }

    private SqlText Begin(Session session)
    {
        _starts.Clear();
        return session.Text.Clear();
    }

    private SqlText Statement(SqlText text, ReadOnlySpan<byte> sql)
    {
        if (_starts.Count > 0)
        {
            text.Add(';');
        }

        _starts.Add(text.Length);
        return text.Add(sql);
    }

    private static SqlText WhereHolder(SqlText text, FenceToken token) =>
        text.Add(" WHERE one = 1 AND epoch = "u8).Add(token.Epoch).Add(" AND holder = "u8).Literal(token.Holder);

    private void Commit(Connection connection, SqlText text, RowVisitor? visit = null)
    {
        var commit = _starts.Count;
        Statement(text, "COMMIT"u8);
        int answered;
        try
        {
            answered = Send(connection, text, visit);
        }
        catch (MySqlError error) when (error.IsLost || (error.Statement == commit && !error.RefusesCommit))
        {
            connection.Dispose();
            throw new OutcomeUnknownException($"{connector.Options.Place} did not say whether it committed: {error.Message}", error);
        }
        if (answered != _starts.Count)
        {
            throw new OutcomeUnknownException($"{connector.Options.Place} answered {answered} of {_starts.Count} statements");
        }
    }

    private int Send(Connection connection, SqlText text, RowVisitor? visit)
    {
        if (!connector.Traits.HasPeers)
        {
            return connection.Run(text.Written, _changed, visit);
        }

        for (var i = 0; i < _starts.Count; i++)
        {
            var end = i + 1 < _starts.Count ? _starts[i + 1] - 1 : text.Length;
            try
            {
                connection.Run(text.Written[_starts[i]..end], i == 0 ? _changed : default, visit);
            }
            catch (MySqlError error)
            {
                throw error.At(i);
            }
        }
        return _starts.Count;
    }

    private FencedException Fenced(Connection connection, string what)
    {
        connection.Run("ROLLBACK");
        var now = FenceRow.Read(connection);
        connection.Run("ROLLBACK");
        return new FencedException($"{connector.Options.Place} refused {what}: its fence is now {now}");
    }

    // What leaves the transaction as a MySqlError was certainly not committed.
    private T Transact<T>(Session session, TimeSpan readTimeout, Func<Connection, T> transaction)
    {
        for (var attempt = 1; ; attempt++)
        {
            var connection = session.GetPatiently(readTimeout);
            try
            {
                return transaction(connection);
            }
            catch (MySqlError error)
            {
                RollBack(session, connection);
                if (error.Code == MySqlError.DuplicateKey)
                {
                    throw new StoreBrokenException($"{connector.Options.Place} holds records that its fence knows nothing of: {error.Message}", error);
                }

                if (!error.IsConflict || attempt == Tries)
                {
                    throw error.Unavailable(connector.Options.Place);
                }
            }
            catch (Exception error) when (error is not FencedException)
            {
                session.Drop();
                throw;
            }
            Thread.Sleep(Random.Shared.Next(1, 5 * attempt)); // milliseconds
        }
    }

    // Locks must be gone when the caller learns of the error; then the connection goes, too.
    private static void RollBack(Session session, Connection connection)
    {
        try
        {
            if (connection.IsOpen)
            {
                connection.Run("ROLLBACK");
            }
        }
        catch (MySqlError)
        {
            // The connection is lost, and the server rolls back by itself.
        }
        session.Drop();
    }
}
