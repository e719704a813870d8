using System.Text;

namespace Kine.Backends.Memory;

/// <summary>The log in memory, for development: nothing outlives the process. Keys and values are copied in and must not be changed once out.</summary>
public sealed class MemoryRevisionStore : IRevisionStore
{
    private readonly Lock _lock = new();
    private readonly MemoryLog _log = new();
    private readonly Dictionary<(SideKind Kind, string Key), SideRow> _side = [];
    private Fence _fence = new(0, Guid.Empty, "", TimeSpan.Zero, 0, 1);
    private long _sideBytes;
    private long _deletions; // bytes

    public string Description => "memory";

    public bool IsExclusive => true;

    public IReadOnlyList<string> Warnings { get; } = ["the memory store keeps nothing: all data is gone when this process ends"];

    /// <inheritdoc/>
    /// <remarks>For several silos in one process that share this store.</remarks>
    public ISharedDocument? Membership { get; init; }

    public Task Open(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<Fence> ReadFence(CancellationToken cancellationToken) => Locked(() => _fence, cancellationToken);

    public Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime, CancellationToken cancellationToken) => Locked(
        () =>
        {
            if (seen.Epoch != _fence.Epoch || seen.Counter != _fence.Counter)
                return null;

            _fence = new Fence(_fence.Epoch + 1, holder, address, leaseTime, _fence.Counter + 1, _fence.LastRevision);
            return (Fence?)_fence;
        },
        cancellationToken);

    public Task Renew(FenceToken token, CancellationToken cancellationToken) => Locked(
        () =>
        {
            CheckHolder(token);
            return _fence = _fence with { Counter = _fence.Counter + 1 };
        },
        cancellationToken);

    public Task Release(FenceToken token, CancellationToken cancellationToken) => Locked(
        () =>
        {
            CheckHolder(token);
            return _fence = _fence with { Holder = Guid.Empty, Address = "", Counter = _fence.Counter + 1 };
        },
        cancellationToken);

    public Task Append(AppendBatch batch)
    {
        batch.Check();
        return Locked(
            () =>
            {
                CheckHolder(batch.Token);
                if (batch.ExpectedRevision != _fence.LastRevision)
                    throw new FencedException($"an append after revision {batch.ExpectedRevision} was refused: the log ends at {_fence.LastRevision}");

                foreach (var record in batch.Records)
                    _log.Add(record);

                foreach (var row in batch.Side)
                    Write(row);

                return _fence = _fence with { Counter = _fence.Counter + 1, LastRevision = batch.LastRevision };
            },
            CancellationToken.None);
    }

    public async Task<RecordId?> ScanMetadata(
        RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
    {
        // The visitor is foreign code: it runs outside the lock.
        var records = await ReadRecords(after, toRevision, maxRecords, long.MaxValue, cancellationToken).ConfigureAwait(false);
        foreach (var record in records)
        {
            var metadata = new RecordMetadata(
                record.Revision, record.Sub, record.CreateRevision, record.Version, record.Lease, record.Tombstone, record.Value.Length);
            visit(in metadata, record.Key.Span);
        }
        return records.Count == 0 ? null : records[^1].Id;
    }

    public Task<List<LogRecord>> ReadRecords(
        RecordId after, long toRevision, int maxRecords, long maxBytes, CancellationToken cancellationToken) =>
        Locked(() => _log.Read(after, toRevision, maxRecords, maxBytes), cancellationToken);

    public Task<byte[]?[]> ReadValues(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => Locked(
        () =>
        {
            var values = new byte[]?[ids.Length];
            for (var i = 0; i < values.Length; i++)
                values[i] = _log.Find(ids.Span[i])?.Value.ToArray();

            return values;
        },
        cancellationToken);

    public Task Delete(ReadOnlyMemory<RecordId> ids, CancellationToken cancellationToken) => Locked(
        () =>
        {
            var before = _log.InUse;
            foreach (var id in ids.Span)
                _log.Remove(id);

            _deletions += before - _log.InUse;

            return true;
        },
        cancellationToken);

    public Task<long> Deletions(CancellationToken cancellationToken) => Locked(() => _deletions, cancellationToken);

    public Task<List<SideRow>> ReadSide(CancellationToken cancellationToken) => Locked(() => _side.Values.ToList(), cancellationToken);

    public ValueTask<StoreSize> Size(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return new(new StoreSize(_log.Allocated + _sideBytes, _log.InUse + _sideBytes));
        }
    }

    public Task Defragment(CancellationToken cancellationToken) => Locked(
        () =>
        {
            _log.Tidy();
            return true;
        },
        cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void CheckHolder(FenceToken token)
    {
        if (token.Epoch != _fence.Epoch || token.Holder != _fence.Holder)
            throw new FencedException($"epoch {token.Epoch} was refused: the fence is now {_fence}");
    }

    private void Write(SideRow row)
    {
        (SideKind, string) name = (row.Kind, Encoding.Latin1.GetString(row.Key));
        if (_side.Remove(name, out var before))
            _sideBytes -= before.Key.Length + before.Value!.Length;

        if (row.Value is null)
            return;

        _side[name] = row with { Key = [.. row.Key], Value = [.. row.Value] };
        _sideBytes += row.Key.Length + row.Value.Length;
    }

    private Task<T> Locked<T>(Func<T> body, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Task.FromCanceled<T>(cancellationToken);

        try
        {
            lock (_lock)
            {
                return Task.FromResult(body());
            }
        }
        catch (FencedException error)
        {
            return Task.FromException<T>(error);
        }
    }
}
