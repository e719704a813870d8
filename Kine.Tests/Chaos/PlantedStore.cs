using Kine.Backends;
using Kine.Tests.Fencing;

namespace Kine.Tests.Chaos;

/// <summary>One process's connection to the store, with the store's side of a bug in it.</summary>
internal abstract class PlantedStore(SharedStore inner) : IRevisionStore
{
    public string Description => inner.Description;

    public bool IsExclusive => inner.IsExclusive;

    public ISharedDocument? Membership => inner.Membership;

    protected SharedStore Inner => inner;

    public abstract Task Append(AppendBatch batch);

    public virtual Task Renew(FenceToken token, CancellationToken cancellationToken) => inner.Renew(token, cancellationToken);

    public Task Open(CancellationToken cancellationToken) => inner.Open(cancellationToken);

    public Task<Fence> ReadFence(CancellationToken cancellationToken) => inner.ReadFence(cancellationToken);

    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) =>
        inner.TakeOver(seen, holder, address, leaseTime, cancellationToken);

    public Task Release(FenceToken token, CancellationToken cancellationToken) => inner.Release(token, cancellationToken);

    public Task<RecordId?> ScanMetadata(RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) =>
        inner.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken);

    public Task<List<LogRecord>> ReadRecords(RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        inner.ReadRecords(after, toRevision, maxRecords, maxBytes, cancellationToken);

    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => inner.ReadValues(ids, cancellationToken);

    public Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => inner.Delete(ids, cancellationToken);

    public Task<long> Deletions(CancellationToken cancellationToken) => inner.Deletions(cancellationToken);

    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => inner.ReadSide(cancellationToken);

    public ValueTask<StoreSize> Size(CancellationToken cancellationToken) => inner.Size(cancellationToken);

    public Task Defragment(CancellationToken cancellationToken) => inner.Defragment(cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
