using Kine.Backends;

namespace Kine.Tests.Silos;

/// <summary>One silo's way to a store that several share; counts what this silo does there. The store itself is whoever made it's to close.</summary>
internal sealed class CountingStore(IRevisionStore inner) : IRevisionStore
{
    private int _appends;
    private int _valueReads;

    public int Appends => Volatile.Read(ref _appends);

    public int ValueReads => Volatile.Read(ref _valueReads);

    public string Description => inner.Description;

    public bool IsExclusive => inner.IsExclusive;

    public ISharedDocument? Membership => inner.Membership;

    public IReadOnlyList<string> Warnings => [];

    public Task Open(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<Fence> ReadFence(CancellationToken cancellationToken) => inner.ReadFence(cancellationToken);

    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) =>
        inner.TakeOver(seen, holder, address, leaseTime, cancellationToken);

    public Task Renew(FenceToken token, CancellationToken cancellationToken) => inner.Renew(token, cancellationToken);

    public Task Release(FenceToken token, CancellationToken cancellationToken) => inner.Release(token, cancellationToken);

    public Task Append(AppendBatch batch)
    {
        Interlocked.Increment(ref _appends);
        return inner.Append(batch);
    }

    public Task<RecordId?> ScanMetadata(RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) =>
        inner.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken);

    public Task<List<LogRecord>> ReadRecords(RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        inner.ReadRecords(after, toRevision, maxRecords, maxBytes, cancellationToken);

    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _valueReads);
        return inner.ReadValues(ids, cancellationToken);
    }

    public Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => inner.Delete(ids, cancellationToken);

    public Task<long> Deletions(CancellationToken cancellationToken) => inner.Deletions(cancellationToken);

    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => inner.ReadSide(cancellationToken);

    public ValueTask<StoreSize> Size(CancellationToken cancellationToken) => inner.Size(cancellationToken);

    public Task Defragment(CancellationToken cancellationToken) => inner.Defragment(cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
