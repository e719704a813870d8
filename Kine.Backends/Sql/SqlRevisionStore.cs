using System.Diagnostics;
using System.Net;
using Kine.Backends.Upstream;

namespace Kine.Backends.Sql;

/// <summary>
/// The log in a database that other processes may share: the fence row decides who writes. Holds at most 4,194,304 records in one revision and revisions
/// up to 2,199,023,255,551.
/// </summary>
public abstract class SqlRevisionStore : IRevisionStore, IUpstreamTable
{
    private const int DeletesAtOnce = 500;
    private const int FullMilliseconds = 5000;
    private readonly ISqlServer _server;
    private readonly SqlLogReader _reader;
    private readonly SqlLogWriter _writer;
    private readonly SizeSample _size;
    private long _fullUntil; // of Environment.TickCount64

    private protected SqlRevisionStore(ISqlServer server, SqlLogReader reader, SqlLogWriter writer)
    {
        (_server, _reader, _writer) = (server, reader, writer);
        _size = new SizeSample(reader);
        Membership = new SideDocument(reader, "silos"u8.ToArray());
    }

    public string Description => _server.Description;

    public bool IsExclusive => false;

    /// <inheritdoc/>
    /// <remarks>The space is the server's: whether there is some again, the next append finds out.</remarks>
    public bool IsFull => Environment.TickCount64 < Volatile.Read(ref _fullUntil);

    public IReadOnlyList<string> Warnings { get; private protected set; } = [];

    public IReadOnlyList<DnsEndPoint> Servers => _server.Servers;

    public ISharedDocument Membership { get; }

    public abstract Task Open(CancellationToken cancellationToken);

    public Task<Fence> ReadFence(CancellationToken cancellationToken) => _reader.ReadFence(cancellationToken);

    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _writer.TakeOver(seen, holder, address, leaseTime);
    }

    public Task Renew(FenceToken token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _writer.Renew(token);
    }

    public Task Release(FenceToken token, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return _writer.Release(token);
    }

    public async Task Append(AppendBatch batch)
    {
        try
        {
            await _writer.Append(batch).ConfigureAwait(false);
        }
        catch (StoreFullException)
        {
            Volatile.Write(ref _fullUntil, Environment.TickCount64 + FullMilliseconds);
            throw;
        }
        _size.Changed();
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
        var keys = RecordKey.Sort(ids.Span, out _);
        while (keys.Length > 0)
        {
            var piece = keys[..Math.Min(DeletesAtOnce, keys.Length)];
            var start = Stopwatch.GetTimestamp();
            await _reader.Delete(piece, cancellationToken).ConfigureAwait(false);
            _size.Changed();
            keys = keys[piece.Length..];
            // At most half of the time: appends share the server's disk.
            if (keys.Length > 0)
                await Task.Delay(Stopwatch.GetElapsedTime(start), cancellationToken).ConfigureAwait(false);
        }
    }

    public Task<long> Deletions(CancellationToken cancellationToken) => _reader.Deletions(cancellationToken);

    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => _reader.ReadSide(cancellationToken);

    public ValueTask<StoreSize> Size(CancellationToken cancellationToken) => _size.Get(cancellationToken);

    public async Task Defragment(CancellationToken cancellationToken)
    {
        await _reader.GiveSpaceBack(cancellationToken).ConfigureAwait(false);
        _size.Forget();
    }

    public Task<bool> HasUpstreamTable(CancellationToken cancellationToken) => _reader.HasUpstreamTable(cancellationToken);

    public Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken) =>
        _reader.ReadUpstreamRows(afterId, maxRows, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _writer.DisposeAsync().ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
        _reader.Dispose();
    }
}
