using System.Diagnostics;
using System.Runtime.InteropServices;
using Kine.Backends.Sql;

namespace Kine.Backends.Sqlite;

/// <summary>
/// The writer's connection and its prepared statements; every public method is one transaction on the <see cref="WriterThread"/>.
/// Errors leave as the store's own exceptions, after a rollback.
/// </summary>
/// <param name="database">A connection that may write; taken over.</param>
/// <param name="path">Its file, for messages.</param>
/// <param name="options">How durable a commit is.</param>
internal sealed class LogWriter(Database database, string path, SqliteOptions options) : IDisposable
{
    private const int IncrementalVacuum = 2;
    private readonly bool _relaxPieces = options.JournalMode == SqliteJournalMode.Wal && options.Synchronous > SqliteSynchronous.Normal;
    private readonly bool _canVacuum = database.QueryLong("PRAGMA auto_vacuum") == IncrementalVacuum;
    private readonly PieceLength _deletes = new(most: 2048);
    private readonly PieceLength _vacuums = new(most: 256);
    private readonly Statement _begin = database.Prepare("BEGIN IMMEDIATE");
    private readonly Statement _commit = database.Prepare("COMMIT");
    private readonly Statement _rollback = database.Prepare("ROLLBACK");

    private readonly Statement _moveFence = database.Prepare(
        "UPDATE fence SET counter = counter + 1, last_revision = ?1 WHERE one = 1 AND epoch = ?2 AND holder = ?3 AND last_revision = ?4");

    private readonly Statement _takeFence = database.Prepare(
        """
        UPDATE fence SET epoch = epoch + 1, holder = ?1, address = ?2, lease_ms = ?3, counter = counter + 1
        WHERE one = 1 AND epoch = ?4 AND counter = ?5
        """);

    private readonly Statement _renewFence = database.Prepare(
        "UPDATE fence SET counter = counter + 1 WHERE one = 1 AND epoch = ?1 AND holder = ?2");

    private readonly Statement _releaseFence = database.Prepare(
        "UPDATE fence SET holder = zeroblob(16), address = '', counter = counter + 1 WHERE one = 1 AND epoch = ?1 AND holder = ?2");

    private readonly Statement _readFence = database.Prepare(FenceRow.Select);
    private readonly Statement _insert = database.Prepare("INSERT INTO log VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    private readonly Statement _delete = database.Prepare("DELETE FROM log WHERE id = ?1");

    private readonly Statement _putSide = database.Prepare(
        "INSERT INTO side VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value");

    private readonly Statement _deleteSide = database.Prepare("DELETE FROM side WHERE kind = ?1 AND key = ?2");
    private readonly Statement _freePages = database.Prepare("PRAGMA freelist_count");
    private long _fenceCounter;
    private long _commits;
    private long _pagesWritten;

    /// <summary>Committed transactions since the start; read by other threads.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Pages written to the WAL since the start; read by other threads.</summary>
    public long PagesWritten => Volatile.Read(ref _pagesWritten);

    /// <summary>The fence row's counter as this connection last moved it, 0 before that; read by other threads.</summary>
    public long FenceCounter => Volatile.Read(ref _fenceCounter);

    /// <summary>See <see cref="IRevisionStore.Append"/>.</summary>
    public void Append(AppendBatch batch) => MoveFence(() =>
    {
        _moveFence.Bind(1, batch.LastRevision);
        Bind(_moveFence, 2, batch.Token);
        _moveFence.Bind(4, batch.ExpectedRevision);
        _moveFence.Run();
        if (database.Changes != 1)
            throw Fenced($"an append of epoch {batch.Token.Epoch} after revision {batch.ExpectedRevision}");

        foreach (ref readonly var record in CollectionsMarshal.AsSpan(batch.Records))
            Insert(in record);

        foreach (ref readonly var row in CollectionsMarshal.AsSpan(batch.Side))
            Write(in row);
    });

    /// <summary>See <see cref="IRevisionStore.TakeOver"/>.</summary>
    public Fence? TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime)
    {
        var taken = Transact(() => TakeFence(seen, holder, address, leaseTime));
        if (taken is not null)
            Volatile.Write(ref _fenceCounter, taken.Counter);

        return taken;
    }

    private Fence? TakeFence(Fence seen, Guid holder, string address, TimeSpan leaseTime)
    {
        _takeFence.Bind(1, holder.ToByteArray(bigEndian: true));
        _takeFence.Bind(2, address);
        _takeFence.Bind(3, (long)leaseTime.TotalMilliseconds);
        _takeFence.Bind(4, seen.Epoch);
        _takeFence.Bind(5, seen.Counter);
        _takeFence.Run();
        return database.Changes == 1 ? FenceRow.Read(_readFence) : null;
    }

    /// <summary>See <see cref="IRevisionStore.Renew"/>.</summary>
    public void Renew(FenceToken token) => ChangeFence(_renewFence, token, "a renewal");

    /// <summary>See <see cref="IRevisionStore.Release"/>.</summary>
    public void Release(FenceToken token) => ChangeFence(_releaseFence, token, "a release");

    /// <summary>Deletes as many of the records, in order, as a piece allows; returns how many, at least one.</summary>
    public int Delete(ReadOnlyMemory<long> keys) => Piece(() =>
    {
        var piece = keys.Span[..Math.Min(keys.Length, _deletes.Length)];
        foreach (var key in piece)
        {
            _delete.Bind(1, key);
            _delete.Run();
        }
        return piece.Length;
    }, _deletes);

    /// <summary>
    /// Gives some free pages back to the file system; returns how many are still free. A file that was upstream kine's cannot: its free pages are used again.
    /// </summary>
    public long Vacuum() => !_canVacuum ? 0 : Piece(() =>
    {
        database.Execute($"PRAGMA incremental_vacuum({_vacuums.Length})");
        return _freePages.Number();
    }, _vacuums);

    // A power loss may undo what a piece did, and nobody would miss it: it needs no fsync of its own. The next append's covers it.
    private T Piece<T>(Func<T> body, PieceLength length)
    {
        var start = Stopwatch.GetTimestamp();
        if (_relaxPieces)
            Synchronous(SqliteSynchronous.Normal);

        try
        {
            var pages = _pagesWritten;
            var result = Transact(body);
            length.Adapt(Stopwatch.GetElapsedTime(start), _pagesWritten - pages);
            return result;
        }
        finally
        {
            if (_relaxPieces)
                Synchronous(options.Synchronous);
        }
    }

    private void Synchronous(SqliteSynchronous level)
    {
        try
        {
            database.Execute($"PRAGMA synchronous = {(int)level}");
        }
        catch (SqliteError error)
        {
            throw new StoreBrokenException($"{path} did not take synchronous={level}: {error.Message}", error);
        }
    }

    /// <summary>Most pages the file may have.</summary>
    public void LimitPages(int pages) => database.Execute($"PRAGMA max_page_count = {pages}");

    private void ChangeFence(Statement statement, FenceToken token, string what) => MoveFence(() =>
    {
        Bind(statement, 1, token);
        statement.Run();
        if (database.Changes != 1)
            throw Fenced($"{what} of epoch {token.Epoch}");
    });

    // The body moves the fence's counter by one.
    private void MoveFence(Action body)
    {
        Transact(() =>
        {
            body();
            return true;
        });
        if (_fenceCounter > 0)
            Volatile.Write(ref _fenceCounter, _fenceCounter + 1);
    }

    private void Insert(in LogRecord record)
    {
        _insert.Bind(1, RecordKey.Of(record.Id));
        _insert.Bind(2, record.Key.Span);
        _insert.Bind(3, record.CreateRevision);
        _insert.Bind(4, record.Version);
        _insert.Bind(5, record.Lease);
        _insert.Bind(6, record.Tombstone ? 1 : 0);
        _insert.Bind(7, record.Value.Span);
        _insert.Run();
    }

    private void Write(in SideRow row)
    {
        var statement = row.Value is null ? _deleteSide : _putSide;
        statement.Bind(1, (long)row.Kind);
        statement.Bind(2, row.Key);
        if (row.Value is not null)
            statement.Bind(3, row.Value);

        statement.Run();
    }

    private FencedException Fenced(string what) => new($"{path} refused {what}: its fence is now {FenceRow.Read(_readFence)}");

    private static void Bind(Statement statement, int index, FenceToken token)
    {
        Span<byte> holder = stackalloc byte[16];
        token.Holder.TryWriteBytes(holder, bigEndian: true, out _);
        statement.Bind(index, token.Epoch);
        statement.Bind(index + 1, holder);
    }

    private T Transact<T>(Func<T> body)
    {
        try
        {
            _begin.Run();
            var result = body();
            Commit();
            return result;
        }
        catch (Exception error)
        {
            throw RolledBack(error);
        }
    }

    private void Commit()
    {
        _commit.Run();
        Volatile.Write(ref _pagesWritten, _pagesWritten + database.TakePagesWritten());
        Volatile.Write(ref _commits, _commits + 1);
    }

    private Exception RolledBack(Exception error)
    {
        try
        {
            // SQLite has rolled back by itself after some errors, or could not begin.
            if (!database.IsAutoCommit)
                _rollback.Run();
        }
        catch (SqliteError second)
        {
            return new StoreBrokenException($"{path} could not roll back after \"{error.Message}\": {second.Message}", error);
        }
        return error is SqliteError failure ? failure.ForCaller(path) : error;
    }

    public void Dispose() => database.Dispose();
}
