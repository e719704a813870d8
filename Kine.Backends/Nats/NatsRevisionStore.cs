using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Backends.Nats;

/// <summary>
/// The log in one JetStream stream. Several processes may open it; each message names the stream's last sequence before it, so that the server itself
/// refuses whoever does not know of the last one. <see cref="LogState"/> has the messages by example.
/// </summary>
public sealed class NatsRevisionStore(NatsOptions options, ILoggerFactory? logging = null) : IRevisionStore
{
    private readonly NatsLog _log = new(options, (logging ?? NullLoggerFactory.Instance).CreateLogger<NatsRevisionStore>());
    private readonly List<string> _warnings = [];

    /// <inheritdoc/>
    public string Description => options.ToString();

    /// <inheritdoc/>
    public bool IsExclusive => false;

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <inheritdoc/>
    public Task Open(CancellationToken cancellationToken) => Task.Run(() => _log.Open(_warnings, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task<Fence> ReadFence(CancellationToken cancellationToken) => _log.ReadFence(cancellationToken);

    /// <inheritdoc/>
    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) =>
        Task.Run(() => _log.TakeOver(seen, new FenceContent(holder, address, leaseTime), cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public Task Renew(FenceToken token, CancellationToken cancellationToken) => _log.Renew(token);

    /// <inheritdoc/>
    public Task Release(FenceToken token, CancellationToken cancellationToken) => _log.Release(token);

    /// <inheritdoc/>
    public Task Append(AppendBatch batch)
    {
        batch.Check();

        // Encoding and sending a batch takes the caller's thread from evaluating the next one.
        return Task.Run(() => _log.Append(batch));
    }

    /// <inheritdoc/>
    public Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) =>
        _log.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken);

    /// <inheritdoc/>
    public Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        _log.ReadRecords(after, toRevision, maxRecords, maxBytes, cancellationToken);

    /// <inheritdoc/>
    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => _log.ReadValues(ids, cancellationToken);

    /// <inheritdoc/>
    public Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => _log.Delete(ids, cancellationToken);

    /// <inheritdoc/>
    public async Task<List<SideRow>> ReadSide(CancellationToken cancellationToken)
    {
        await _log.Refresh(cancellationToken).ConfigureAwait(false);
        return _log.Side();
    }

    /// <inheritdoc/>
    public async ValueTask<StoreSize> Size(CancellationToken cancellationToken) => await _log.Size(cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public Task Defragment(CancellationToken cancellationToken) => _log.Defragment(cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _log.Dispose();
        return ValueTask.CompletedTask;
    }
}
