using System.Diagnostics;
using Kine.Backends.Upstream;
using Microsoft.Extensions.Logging;

namespace Kine.Backends.MySql;

/// <summary>
/// The log in a MySQL or MariaDB database: one thread that writes, a few that read, each with a connection of its own. Holds at most 4,194,304 records in one
/// revision and revisions up to 2,199,023,255,551.
/// </summary>
public sealed class MySqlRevisionStore : IRevisionStore, IUpstreamTable
{
    private const int DeletesPerPiece = 500;
    private static readonly TimeSpan DiskSizeAge = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan SchemaTimeout = TimeSpan.FromSeconds(90); // longer than another process is waited for
    private static readonly TimeSpan RebuildTimeout = TimeSpan.FromHours(6);
    private readonly MySqlOptions _options;
    private readonly ILogger _logger;
    private readonly Connector _connector;
    private readonly LogWriter _log;
    private SessionThreads? _writer;
    private SessionThreads? _readers;
    private long _changes; // appends and deletions of this process
    private SizeSample _size = new(-1, 0, 0, 0);

    /// <summary>A store that is not open yet.</summary>
    public MySqlRevisionStore(MySqlOptions options, ILoggerFactory logging)
    {
        _options = options;
        _logger = logging.CreateLogger<MySqlRevisionStore>();
        _connector = new Connector(options);
        _log = new LogWriter(_connector);
    }

    /// <inheritdoc/>
    public string Description => _options.Place;

    /// <inheritdoc/>
    public bool IsExclusive => false;

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings { get; private set; } = [];

    private SessionThreads Writer => _writer ?? throw new InvalidOperationException("the store is not open");

    private SessionThreads Readers => _readers ?? throw new InvalidOperationException("the store is not open");

    /// <inheritdoc/>
    public Task Open(CancellationToken cancellationToken) => Task.Factory.StartNew(
        OpenHere, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void OpenHere()
    {
        ClientLibrary.Require();
        try
        {
            using var connection = Connect();
            _connector.Learn(connection);
            if (_connector.Traits.MaxPacket < ServerTraits.LeastPacket)
            {
                throw new StoreRefusedException(
                    $"{Description} has max_allowed_packet={_connector.Traits.MaxPacket}; the server needs at least {ServerTraits.LeastPacket}");
            }
            MySqlSchema.Upgrade(connection, Description);
        }
        catch (MySqlError error)
        {
            throw error.RefusesSession
                ? new StoreRefusedException($"{Description} does not take the connection of user {_options.User}: {error.Message}", error)
                : error.Unavailable(Description);
        }
        Warnings = [.. _connector.Traits.Warnings()];
        _writer = new SessionThreads("mysql writer", [new Session(_connector, writes: true)], 1, _options, _logger);
        var readers = new Session[_options.Readers];
        for (var i = 0; i < readers.Length; i++)
        {
            readers[i] = new Session(_connector, writes: false);
        }

        _readers = new SessionThreads("mysql reader", readers, _options.IdleReaders, _options, _logger);
    }

    private Connection Connect()
    {
        try
        {
            return _connector.Open(SchemaTimeout);
        }
        catch (MySqlError error) when (error.Code is MySqlError.UnknownDatabase or MySqlError.NoRightOnDatabase)
        {
            MySqlSchema.CreateDatabase(_connector);
            return _connector.Open(SchemaTimeout);
        }
    }

    /// <inheritdoc/>
    public Task<Fence> ReadFence(CancellationToken cancellationToken) =>
        Readers.Run("reading the fence", static session => session.Read(FenceRow.Read), cancellationToken);

    /// <inheritdoc/>
    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) =>
        Writer.Run("a take-over", session => _log.TakeOver(session, seen, holder, address, leaseTime), cancellationToken);

    /// <inheritdoc/>
    public Task Renew(FenceToken token, CancellationToken cancellationToken) =>
        Writer.Run("a renewal", session => _log.Renew(session, token), cancellationToken);

    /// <inheritdoc/>
    public Task Release(FenceToken token, CancellationToken cancellationToken) =>
        Writer.Run("a release", session => _log.Release(session, token), cancellationToken);

    /// <inheritdoc/>
    public Task Append(AppendBatch batch)
    {
        batch.Check();
        foreach (var record in batch.Records)
        {
            if (!RecordKey.Fits(record.Id))
            {
                throw new ArgumentException($"record {record.Id} is past what this store can number ({RecordKey.MaxRevision}, {RecordKey.MaxSub})");
            }
        }
        return Writer.Run("an append", session => Changed(_log.Append(session, batch)), CancellationToken.None);
    }

    /// <inheritdoc/>
    public Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) => Readers.Run(
        "reading metadata", session => LogReader.ScanMetadata(session, after, toRevision, maxRecords, visit, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) => Readers.Run(
        "reading records", session => LogReader.ReadRecords(session, after, toRevision, maxRecords, maxBytes, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => Readers.Run(
        "reading values", session => LogReader.ReadValues(session, ids.Span, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public async Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        var keys = new long[ids.Length];
        var count = 0;
        foreach (var id in ids.Span)
        {
            if (RecordKey.Fits(id))
            {
                keys[count++] = RecordKey.Of(id);
            }
        }
        Array.Sort(keys, 0, count);
        for (var done = 0; done < count; done += DeletesPerPiece)
        {
            ReadOnlyMemory<long> piece = keys.AsMemory(done, Math.Min(DeletesPerPiece, count - done));
            var start = Stopwatch.GetTimestamp();
            await Readers.Run(
                "a deletion",
                session => Changed(session.Read(connection => LogReader.Delete(connection, session.Text, piece.Span))),
                cancellationToken).ConfigureAwait(false);
            // At most half of the time: appends share the server's disk.
            if (count - done > DeletesPerPiece)
            {
                await Task.Delay(Stopwatch.GetElapsedTime(start), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc/>
    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) =>
        Readers.Run("reading side state", static session => session.Read(LogReader.ReadSide), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<StoreSize> Size(CancellationToken cancellationToken)
    {
        var changes = Interlocked.Read(ref _changes);
        var last = Volatile.Read(ref _size);
        return last.Changes == changes && Stopwatch.GetElapsedTime(last.DiskAskedAt) < DiskSizeAge
            ? new(last.Size)
            : new(Readers.Run("measuring", session => session.Read(connection => Measure(connection, changes)), cancellationToken));
    }

    // The server's own count of file sizes is dear and old; the bytes in use are kept by every append and deletion.
    private StoreSize Measure(Connection connection, long changes)
    {
        var last = Volatile.Read(ref _size);
        var ask = last.Changes < 0 || Stopwatch.GetElapsedTime(last.DiskAskedAt) >= DiskSizeAge;
        var onDisk = ask ? LogReader.BytesOnDisk(connection) : last.OnDisk;
        var sample = new SizeSample(changes, LogReader.BytesInUse(connection), onDisk, ask ? Stopwatch.GetTimestamp() : last.DiskAskedAt);
        Volatile.Write(ref _size, sample);
        return sample.Size;
    }

    /// <summary>
    /// Rebuilds the log's table while appends go on. On a Galera cluster it does nothing, for there a rebuild stops the writes of all nodes.
    /// </summary>
    public Task Defragment(CancellationToken cancellationToken)
    {
        if (_connector.Traits.IsGalera)
        {
            return Task.CompletedTask;
        }

        return Task.Factory.StartNew(
            () =>
            {
                try
                {
                    using var connection = _connector.Open(RebuildTimeout);
                    connection.Run("ALTER TABLE kine_log FORCE, ALGORITHM = INPLACE, LOCK = NONE");
                    Volatile.Write(ref _size, new SizeSample(-1, 0, 0, 0));
                }
                catch (MySqlError error)
                {
                    throw error.Unavailable(Description);
                }
            },
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
    }

    /// <inheritdoc/>
    public Task<bool> HasUpstreamTable(CancellationToken cancellationToken) =>
        Readers.Run("looking for upstream's table", static session => session.Read(LogReader.HasUpstreamTable), cancellationToken);

    /// <inheritdoc/>
    public Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken) => Readers.Run(
        "reading upstream's table",
        session => session.Read(connection => LogReader.ReadUpstreamRows(connection, session.Text, afterId, maxRows)),
        cancellationToken);

    private bool Changed(bool done)
    {
        Interlocked.Increment(ref _changes);
        return done;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_writer is null || _readers is null)
        {
            return;
        }

        await _writer.Stop().ConfigureAwait(false);
        await _readers.Stop().ConfigureAwait(false);
    }

    private sealed record SizeSample(long Changes, long InUse, long OnDisk, long DiskAskedAt)
    {
        public StoreSize Size => new(Math.Max(OnDisk, InUse), InUse);
    }
}
