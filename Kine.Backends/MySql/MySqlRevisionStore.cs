using System.Diagnostics;
using Kine.Backends.Sql;
using Kine.Backends.Upstream;
using Microsoft.Extensions.Logging;
using MySqlConnector;

namespace Kine.Backends.MySql;

/// <summary>
/// The log in a MySQL or MariaDB database: one connection that writes, a few that read. Holds at most 4,194,304 records in one
/// revision and revisions up to 2,199,023,255,551.
/// </summary>
public sealed class MySqlRevisionStore : IRevisionStore, IUpstreamTable
{
    private static readonly TimeSpan DiskSizeAge = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RebuildTimeout = TimeSpan.FromHours(6);
    private readonly MySqlOptions _options;
    private readonly MySqlServer _server;
    private readonly FencedWriter<Connection> _writer;
    private readonly Queries<PooledConnection> _queries;
    private readonly LogWriter _log;
    private readonly LogReader _reader;
    private long _changes; // appends and deletions of this process
    private SizeSample _size = new(-1, 0, 0, 0);

    /// <summary>A store that is not open yet.</summary>
    public MySqlRevisionStore(MySqlOptions options, ILoggerFactory logging)
    {
        _options = options;
        var slow = new SlowStatements(logging.CreateLogger<MySqlRevisionStore>(), options.SlowThreshold, options.SlowWarningThreshold);
        _server = new MySqlServer(options);
        _writer = new FencedWriter<Connection>(_server, _server.ConnectToWrite, options.MaxLifetime, slow);
        _queries = new Queries<PooledConnection>(_server, _server.Connect, options.Readers, slow);
        _log = new LogWriter(_server, _writer);
        _reader = new LogReader(_queries);
    }

    /// <inheritdoc/>
    public string Description => _options.Place;

    /// <inheritdoc/>
    public bool IsExclusive => false;

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <inheritdoc/>
    public async Task Open(CancellationToken cancellationToken)
    {
        try
        {
            var connection = await Connect().ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                await _server.Learn(connection).ConfigureAwait(false);
                if (_server.Traits.MaxPacket < ServerTraits.LeastPacket)
                {
                    throw new StoreRefusedException(
                        $"{Description} has max_allowed_packet={_server.Traits.MaxPacket}; the server needs at least {ServerTraits.LeastPacket}");
                }

                await MySqlSchema.Upgrade(connection, Description).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (MySqlError.Classify(error) != SqlFailure.None)
        {
            throw MySqlError.RefusesSession(error)
                ? new StoreRefusedException($"{Description} does not take the connection of user {_options.User}: {MySqlError.Text(error)}", error)
                : new StoreUnavailableException($"{Description} is not available: {MySqlError.Text(error)}", error);
        }
        Warnings = [.. _server.Traits.Warnings()];
    }

    private async Task<MySqlConnection> Connect()
    {
        try
        {
            return await _server.ConnectOnce().ConfigureAwait(false);
        }
        catch (MySqlException error) when (MySqlError.Code(error) is MySqlError.UnknownDatabase or MySqlError.NoRightOnDatabase)
        {
            await MySqlSchema.CreateDatabase(_server).ConfigureAwait(false);
            return await _server.ConnectOnce().ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public Task<Fence> ReadFence(CancellationToken cancellationToken) => _reader.ReadFence(cancellationToken);

    /// <inheritdoc/>
    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _log.TakeOver(seen, holder, address, leaseTime);
    }

    /// <inheritdoc/>
    public Task Renew(FenceToken token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _log.Renew(token);
    }

    /// <inheritdoc/>
    public Task Release(FenceToken token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _log.Release(token);
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
        var keys = RecordKey.Sort(ids.Span, out _);
        for (var done = 0; done < keys.Length; done += LogReader.DeletesAtOnce)
        {
            var piece = keys.Slice(done, Math.Min(LogReader.DeletesAtOnce, keys.Length - done));
            var start = Stopwatch.GetTimestamp();
            await _reader.Delete(piece, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _changes);
            // At most half of the time: appends share the server's disk.
            if (keys.Length - done > LogReader.DeletesAtOnce)
            {
                await Task.Delay(Stopwatch.GetElapsedTime(start), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc/>
    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => _reader.ReadSide(cancellationToken);

    /// <inheritdoc/>
    public ValueTask<StoreSize> Size(CancellationToken cancellationToken)
    {
        var changes = Interlocked.Read(ref _changes);
        var last = Volatile.Read(ref _size);
        return last.Changes == changes && Stopwatch.GetElapsedTime(last.DiskAskedAt) < DiskSizeAge
            ? new(last.Size)
            : new(Measure(changes, cancellationToken));
    }

    // The server's own count of file sizes is dear and old; the bytes in use are kept by every append and deletion.
    private async Task<StoreSize> Measure(long changes, CancellationToken cancellationToken)
    {
        var last = Volatile.Read(ref _size);
        var ask = last.Changes < 0 || Stopwatch.GetElapsedTime(last.DiskAskedAt) >= DiskSizeAge;
        var onDisk = ask ? await _reader.BytesOnDisk(cancellationToken).ConfigureAwait(false) : last.OnDisk;
        var inUse = await _reader.BytesInUse(cancellationToken).ConfigureAwait(false);
        var sample = new SizeSample(changes, inUse, onDisk, ask ? Stopwatch.GetTimestamp() : last.DiskAskedAt);
        Volatile.Write(ref _size, sample);
        return sample.Size;
    }

    /// <summary>
    /// Rebuilds the log's table while appends go on. On a Galera cluster it does nothing, for there a rebuild stops the writes of all nodes.
    /// </summary>
    public async Task Defragment(CancellationToken cancellationToken)
    {
        if (_server.Traits.IsGalera)
        {
            return;
        }

        try
        {
            var connection = await _server.ConnectOnce().ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                await connection.Run("ALTER TABLE kine_log FORCE, ALGORITHM = INPLACE, LOCK = NONE", limit: RebuildTimeout).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (MySqlError.Classify(error) != SqlFailure.None)
        {
            throw new StoreUnavailableException($"{Description} is not available: {MySqlError.Text(error)}", error);
        }
        Volatile.Write(ref _size, new SizeSample(-1, 0, 0, 0));
    }

    /// <inheritdoc/>
    public Task<bool> HasUpstreamTable(CancellationToken cancellationToken) => _reader.HasUpstreamTable(cancellationToken);

    /// <inheritdoc/>
    public Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken) =>
        _reader.ReadUpstreamRows(afterId, maxRows, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync().ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
        _queries.Dispose();
    }

    private sealed record SizeSample(long Changes, long InUse, long OnDisk, long DiskAskedAt)
    {
        public StoreSize Size => new(Math.Max(OnDisk, InUse), InUse);
    }
}
