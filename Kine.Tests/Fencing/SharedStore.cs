using Kine.Backends;

namespace Kine.Tests.Fencing;

/// <summary>One process's connection to a store that several share, so that the fence decides who writes. It can be cut, lose answers, and find another log.</summary>
internal sealed class SharedStore(IRevisionStore log) : IRevisionStore
{
    private int _reads;

    /// <summary>What is behind the connection; another one stands for a store that lost data.</summary>
    public IRevisionStore Log { get; set; } = log;

    /// <summary>True = nothing gets through.</summary>
    public bool Cut { get; set; }

    /// <summary>True = the next append happens, but its answer is lost; then the connection is cut.</summary>
    public bool LoseNextAnswer { get; set; }

    /// <summary>True = the next append is lost on its way, and nobody knows; then the connection is cut.</summary>
    public bool LoseNextAppend { get; set; }

    /// <summary>How long every scan of the log takes at least.</summary>
    public TimeSpan ScanTime { get; set; }

    /// <summary>How often the fence row was read.</summary>
    public int FenceReads => Volatile.Read(ref _reads);

    public string Description => "shared memory";

    public bool IsExclusive => false;

    public ISharedDocument? Membership => Log.Membership;

    private IRevisionStore Reached => Cut ? throw new StoreUnavailableException("the connection is cut") : Log;

    public Task Open(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<Fence> ReadFence(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _reads);
        return Reached.ReadFence(cancellationToken);
    }

    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) =>
        Reached.TakeOver(seen, holder, address, leaseTime, cancellationToken);

    public Task Renew(FenceToken token, CancellationToken cancellationToken) => Reached.Renew(token, cancellationToken);

    public Task Release(FenceToken token, CancellationToken cancellationToken) => Reached.Release(token, cancellationToken);

    public async Task Append(AppendBatch batch)
    {
        var store = Reached;
        if (LoseNextAppend)
        {
            LoseNextAppend = false;
            Cut = true;
            throw new OutcomeUnknownException("the connection was lost");
        }
        await store.Append(batch);
        if (LoseNextAnswer)
        {
            LoseNextAnswer = false;
            Cut = true;
            throw new OutcomeUnknownException("the connection was lost");
        }
    }

    public async Task<RecordId?> ScanMetadata(RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        await Task.Delay(ScanTime, cancellationToken);
        return await Reached.ScanMetadata(after, toRevision, maxRecords, visit, cancellationToken);
    }

    public Task<List<LogRecord>> ReadRecords(RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        Reached.ReadRecords(after, toRevision, maxRecords, maxBytes, cancellationToken);

    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => Reached.ReadValues(ids, cancellationToken);

    public Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => Reached.Delete(ids, cancellationToken);

    public Task<long> Deletions(CancellationToken cancellationToken) => Log.Deletions(cancellationToken);

    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => Reached.ReadSide(cancellationToken);

    public ValueTask<StoreSize> Size(CancellationToken cancellationToken) => Reached.Size(cancellationToken);

    public Task Defragment(CancellationToken cancellationToken) => Reached.Defragment(cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
