using System.Diagnostics;
using Kine.Backends.Sql;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>
/// The log in a PostgreSQL database (12 and newer), which other processes may share: the fence row decides who writes. Works through a connection
/// pooler in transaction mode. Holds at most 4,194,304 records in one revision and revisions up to 2,199,023,255,551.
/// </summary>
public sealed partial class PostgresRevisionStore : IRevisionStore
{
    private const int DeletesPerStatement = 500;
    private static readonly TimeSpan SizeAge = TimeSpan.FromSeconds(3);
    private readonly PostgresOptions _options;
    private readonly PostgresServers _servers;
    private readonly Writer _appends;
    private readonly Writer _claims;
    private readonly LogAppender _log;
    private readonly FenceTable _fence;
    private readonly LogReader _reader;
    private IReadOnlyList<string> _warnings = [];
    private long _changes;
    private SizeSample? _size;

    /// <summary>Connects to nothing yet.</summary>
    public PostgresRevisionStore(PostgresOptions options)
    {
        _options = options;
        var slow = new SlowStatements(options);
        _servers = new PostgresServers(options);
        // A sign of life, or a take-over, does not wait for an append that hangs.
        _appends = new Writer(_servers, options, slow);
        _claims = new Writer(_servers, options, slow);
        _log = new LogAppender(_appends, options);
        _fence = new FenceTable(_claims, options);
        _reader = new LogReader(_servers, options, slow);
    }

    /// <inheritdoc/>
    public string Description => _options.Description;

    /// <inheritdoc/>
    public bool IsExclusive => false;

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <inheritdoc/>
    public async Task Open(CancellationToken cancellationToken) =>
        _warnings = await new DatabaseSetup(_servers, _options).Run(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task<Fence> ReadFence(CancellationToken cancellationToken) => _reader.Run("a read of the fence", FenceTable.Read, cancellationToken);

    /// <inheritdoc/>
    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _fence.TakeOver(seen, holder, address, leaseTime);
    }

    /// <inheritdoc/>
    public Task Renew(FenceToken token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _fence.Renew(token);
    }

    /// <inheritdoc/>
    public Task Release(FenceToken token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _fence.Release(token);
    }

    /// <inheritdoc/>
    public async Task Append(AppendBatch batch)
    {
        await _log.Append(batch).ConfigureAwait(false);
        Interlocked.Increment(ref _changes);
    }

    /// <inheritdoc/>
    public Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) =>
        _reader.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken);

    /// <inheritdoc/>
    public Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        _reader.ReadRecords(after, toRevision, maxRecords, maxBytes, cancellationToken);

    /// <inheritdoc/>
    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => _reader.ReadValues(ids, cancellationToken);

    /// <inheritdoc/>
    public async Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        var keys = new List<long>(ids.Length);
        foreach (var id in ids.Span)
        {
            if (RecordKey.Fits(id))
            {
                keys.Add(RecordKey.Of(id));
            }
        }
        keys.Sort();
        foreach (var piece in keys.Chunk(DeletesPerStatement))
        {
            await _reader.Delete(piece, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _changes);
        }
    }

    /// <inheritdoc/>
    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => _reader.ReadSide(cancellationToken);

    /// <inheritdoc/>
    public ValueTask<StoreSize> Size(CancellationToken cancellationToken)
    {
        var last = Volatile.Read(ref _size);
        var changes = Interlocked.Read(ref _changes);
        // Other processes write as well, or the vacuum does.
        return last is not null && last.Changes == changes && Stopwatch.GetElapsedTime(last.Taken) < SizeAge
            ? new(last.Size)
            : new(AskSize(changes, cancellationToken));
    }

    private async Task<StoreSize> AskSize(long changes, CancellationToken cancellationToken)
    {
        var size = await _reader.Size(cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _size, new SizeSample(changes, Stopwatch.GetTimestamp(), size));
        return size;
    }

    /// <summary>Marks free space as such and cuts it off where it is at a table's end; VACUUM FULL would give back more, but hold up writes for its whole time.</summary>
    public async Task Defragment(CancellationToken cancellationToken)
    {
        foreach (var table in PostgresSchema.Tables)
        {
            await _reader.Run("a vacuum", async (connection, cancellation) =>
            {
                await using var command = new NpgsqlCommand($"VACUUM {table}", connection) { CommandTimeout = 0 };
                await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
                return true;
            }, cancellationToken).ConfigureAwait(false);
        }
        Interlocked.Increment(ref _changes);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _appends.DisposeAsync().ConfigureAwait(false);
        await _claims.DisposeAsync().ConfigureAwait(false);
        await _servers.DisposeAsync().ConfigureAwait(false);
    }

    private sealed record SizeSample(long Changes, long Taken, StoreSize Size);
}
