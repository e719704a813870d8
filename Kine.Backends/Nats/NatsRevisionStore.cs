using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Backends.Nats;

/// <summary>
/// The log in one JetStream stream. Several processes may open it; each message names the stream's last sequence before it, so that the server itself
/// refuses whoever does not know of the last one. <see cref="LogState"/> has the messages by example.
/// </summary>
public sealed class NatsRevisionStore : IRevisionStore
{
    private readonly NatsOptions _options;
    private readonly Connector _writing;
    private readonly Connector _reading;
    private readonly Connector _bulk;
    private readonly LogStream _stream;
    private readonly FenceRow _fence;
    private readonly LogReplica _replica;
    private readonly LogWriter _writer;
    private readonly LogReader _reader;

    /// <summary>Connects to nothing yet.</summary>
    public NatsRevisionStore(NatsOptions options, ILoggerFactory? logging = null)
    {
        _options = options;
        var slow = new SlowRequests(options, (logging ?? NullLoggerFactory.Instance).CreateLogger<NatsRevisionStore>());
        _writing = new Connector(options, slow);
        _reading = new Connector(options, slow);
        _bulk = new Connector(options, slow);
        _stream = new LogStream(options);
        _fence = new FenceRow(_stream);
        var headers = new HeaderReader(options, _stream);
        _replica = new LogReplica(_reading, _stream, headers, _fence);
        _writer = new LogWriter(_writing, _stream, _replica, slow);
        var fetcher = new MessageFetcher(_reading, _bulk, _stream, _replica);
        _reader = new LogReader(_reading, headers, _replica, fetcher);
        Compactor = new Compactor(_reading, _stream, headers, _replica, fetcher, _writer);
    }

    public string Description => _options.ToString();

    public bool IsExclusive => false;

    public IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <summary>Where the deletions are.</summary>
    internal Compactor Compactor { get; }

    public async Task Open(CancellationToken cancellationToken) =>
        Warnings = await new StreamSetup(_options, _reading, _stream).Run(cancellationToken).ConfigureAwait(false);

    public Task<Fence> ReadFence(CancellationToken cancellationToken) =>
        _reading.Repeat(connection => _fence.Read(connection, cancellationToken), cancellationToken);

    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) =>
        Task.Run(() => _writer.TakeOver(seen, new FenceContent(holder, address, leaseTime), cancellationToken), cancellationToken);

    public async Task Renew(FenceToken token, CancellationToken cancellationToken)
    {
        await _writer.Renew(token).ConfigureAwait(false);
        await Compactor.DropOldRenewals().ConfigureAwait(false);
    }

    public Task Release(FenceToken token, CancellationToken cancellationToken) => _writer.Release(token);

    public Task Append(AppendBatch batch)
    {
        batch.Check();

        // Encoding and sending a batch takes the caller's thread from evaluating the next one.
        return Task.Run(() => _writer.Append(batch));
    }

    public Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) =>
        _reader.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken);

    public Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        _reader.ReadRecords(after, toRevision, maxRecords, maxBytes, cancellationToken);

    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => _reader.ReadValues(ids, cancellationToken);

    public Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => Compactor.Delete(ids, cancellationToken);

    public async Task<List<SideRow>> ReadSide(CancellationToken cancellationToken)
    {
        await _replica.Refresh(cancellationToken).ConfigureAwait(false);
        return _replica.State.Side.All();
    }

    public async ValueTask<StoreSize> Size(CancellationToken cancellationToken)
    {
        var found = await _reading.Repeat(connection => _stream.State(connection, cancellationToken), cancellationToken).ConfigureAwait(false);
        var live = _replica.State.Index.LiveBytes;
        return _replica.IsCurrent ? new StoreSize(Math.Max(found.Bytes, live), live) : new StoreSize(found.Bytes, found.Bytes);
    }

    public Task Defragment(CancellationToken cancellationToken) => Compactor.Defragment(cancellationToken);

    public ValueTask DisposeAsync()
    {
        _writing.Dispose();
        _reading.Dispose();
        _bulk.Dispose();
        return ValueTask.CompletedTask;
    }
}
