using Kine.Backends;

namespace Kine.Tests.Grains;

/// <summary>A store whose appends can be made to fail before they happen, or to lose their answer after they happened.</summary>
internal class FaultyStore(IRevisionStore inner) : IRevisionStore
{
    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Called before each append; may throw.</summary>
    public Action<AppendBatch>? BeforeAppend { get; set; }

    /// <summary>Called after each append; may throw.</summary>
    public Action<AppendBatch>? AfterAppend { get; set; }

    /// <summary>Called before each read of the fence.</summary>
    public Action? BeforeReadFence { get; set; }

    /// <summary>Awaited before each read of values, whether or not the reader still wants them.</summary>
    public Task ReadsHeldUntil { get; set; } = Task.CompletedTask;

    public string Description => inner.Description;

    public bool IsExclusive => inner.IsExclusive;

    public ISharedDocument? Membership => inner.Membership;

    /// <summary>Holds appends up until the returned lease is disposed.</summary>
    public async Task<IDisposable> HoldAppends()
    {
        await _gate.WaitAsync();
        return new Held(_gate);
    }

    public async Task Append(AppendBatch batch)
    {
        await _gate.WaitAsync();
        try
        {
            BeforeAppend?.Invoke(batch);
            await inner.Append(batch);
            AfterAppend?.Invoke(batch);
        }
        finally
        {
            _gate.Release();
        }
    }

    public Task Open(CancellationToken cancellationToken) => inner.Open(cancellationToken);

    public Task<Fence> ReadFence(CancellationToken cancellationToken)
    {
        BeforeReadFence?.Invoke();
        return inner.ReadFence(cancellationToken);
    }

    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) =>
        inner.TakeOver(seen, holder, address, leaseTime, cancellationToken);

    public Task Renew(FenceToken token, CancellationToken cancellationToken) => inner.Renew(token, cancellationToken);

    public Task Release(FenceToken token, CancellationToken cancellationToken) => inner.Release(token, cancellationToken);

    public Task<RecordId?> ScanMetadata(RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken) =>
        inner.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken);

    public Task<List<LogRecord>> ReadRecords(RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        inner.ReadRecords(after, toRevision, maxRecords, maxBytes, cancellationToken);

    public async Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken)
    {
        await ReadsHeldUntil;
        return await inner.ReadValues(ids, cancellationToken);
    }

    public Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => inner.Delete(ids, cancellationToken);

    public Task<long> Deletions(CancellationToken cancellationToken) => inner.Deletions(cancellationToken);

    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => inner.ReadSide(cancellationToken);

    public ValueTask<StoreSize> Size(CancellationToken cancellationToken) => inner.Size(cancellationToken);

    public Task Defragment(CancellationToken cancellationToken) => inner.Defragment(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private sealed class Held(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
