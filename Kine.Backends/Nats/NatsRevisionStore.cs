using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Backends.Nats;

/// <summary>
/// The log in one JetStream stream. Several processes may open it; each message names the stream's last sequence before it, so that the server itself
/// refuses whoever does not know of the last one. <see cref="LogState"/> has the messages by example.
/// </summary>
public sealed class NatsRevisionStore : IRevisionStore
{
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(1);
    private readonly NatsOptions _options;
    private readonly Connector _writing;
    private readonly Connector _reading;
    private readonly Connector _bulk;
    private readonly LogStream _stream;
    private readonly FenceRow _fence;
    private readonly LogReplica _replica;
    private readonly LogWriter _writer;
    private readonly LogReader _reader;
    private readonly SpaceReserve _reserve;
    private readonly RoomMaker _room;
    private readonly SiloBucket _silos;

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
        _reserve = new SpaceReserve(options, slow, _replica);
        _writer = new LogWriter(_writing, _stream, _replica, _reserve, slow);
        var fetcher = new MessageFetcher(_reading, _bulk, _stream, _replica);
        _reader = new LogReader(_reading, headers, _replica, fetcher);
        Compactor = new Compactor(_reading, _stream, headers, _replica, fetcher, _writer, _reserve);
        _room = new RoomMaker(_reserve, Compactor);
        _reserve.Filled = _room.Start;
        _silos = new SiloBucket(options, _reading, _reserve);
    }

    public string Description => _options.ToString();

    public bool IsExclusive => false;

    /// <inheritdoc/>
    /// <remarks>The limit may be the account's or the server's, and others share it.</remarks>
    public bool IsFull => _reserve.IsFull;

    public IReadOnlyList<DnsEndPoint> Servers =>
        [.. _options.Servers.Select(static server => new Uri(server)).Select(static server => new DnsEndPoint(server.Host, server.Port))];

    public IReadOnlyList<string> Warnings { get; private set; } = [];

    public ISharedDocument Membership => _silos;

    /// <summary>Where the deletions are.</summary>
    internal Compactor Compactor { get; }

    public async Task Open(CancellationToken cancellationToken) =>
        Warnings = await new StreamSetup(_options, _reading, _stream, _silos).Run(cancellationToken).ConfigureAwait(false);

    public async Task<Fence> ReadFence(CancellationToken cancellationToken)
    {
        var fence = await _reading.Repeat(connection => _fence.Read(connection, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (_replica.Held is { } held && (held.Epoch != fence.Epoch || held.Holder != fence.Holder))
            _replica.IsBehind = true; // replaced, which nothing else may tell this process

        return fence;
    }

    public async Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken)
    {
        var claim = new FenceContent(holder, address, leaseTime);
        var taken = await Task.Run(() => TakeOver(seen, claim, cancellationToken), cancellationToken).ConfigureAwait(false);
        if (taken is not null)
            await _room.Look(Min(leaseTime / 4, LongestLook)).ConfigureAwait(false);

        return taken;
    }

    public async Task Renew(FenceToken token, CancellationToken cancellationToken)
    {
        await _writer.Renew(token).ConfigureAwait(false);
        await Compactor.DropIdle().ConfigureAwait(false);
        _room.KeepUp();
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

    public async Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        await Compactor.Delete(ids, cancellationToken).ConfigureAwait(false);
        _room.KeepUp();
    }

    public async Task<long> Deletions(CancellationToken cancellationToken)
    {
        await _replica.Refresh(cancellationToken).ConfigureAwait(false);
        return (long)_replica.State.LastDeletion;
    }

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

    public async ValueTask DisposeAsync()
    {
        await _room.DisposeAsync().ConfigureAwait(false);
        _writing.Dispose();
        _reading.Dispose();
        _bulk.Dispose();
    }

    private async Task<Fence?> TakeOver(Fence seen, FenceContent claim, CancellationToken cancellationToken)
    {
        try
        {
            return await _writer.TakeOver(seen, claim, cancellationToken).ConfigureAwait(false);
        }
        catch (StoreFullException)
        {
            // There was no reserve to give up.
            await Compactor.DropUnneeded(cancellationToken).ConfigureAwait(false);
            return await _writer.TakeOver(seen, claim, cancellationToken).ConfigureAwait(false);
        }
    }

    private static TimeSpan Min(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
