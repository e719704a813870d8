using System.Runtime.InteropServices;

namespace Kine.Backends.Sql;

/// <summary>The transactions of the fence's holder, and of whoever takes the fence over.</summary>
internal abstract class SqlLogWriter : IAsyncDisposable
{
    /// <summary>See <see cref="IRevisionStore.TakeOver"/>.</summary>
    public abstract Task<Fence?> TakeOver(Fence seen, Guid holder, string address, TimeSpan leaseTime);

    /// <summary>See <see cref="IRevisionStore.Renew"/>.</summary>
    public abstract Task Renew(FenceToken token);

    /// <summary>See <see cref="IRevisionStore.Release"/>.</summary>
    public abstract Task Release(FenceToken token);

    /// <summary>See <see cref="IRevisionStore.Append"/>.</summary>
    public abstract Task Append(AppendBatch batch);

    public abstract ValueTask DisposeAsync();

    /// <summary>
    /// Bytes that a batch's records count with, and those of its longest record or side row. Throws <see cref="ArgumentException"/> for a batch that must not
    /// be written.
    /// </summary>
    /// <param name="batch">What is to be written.</param>
    /// <param name="rowBytes">Bytes of a row beside its key and value.</param>
    protected static (long Bytes, long Longest) Measure(AppendBatch batch, int rowBytes)
    {
        batch.Check();
        long bytes = 0;
        long longest = 0;
        foreach (ref readonly var record in CollectionsMarshal.AsSpan(batch.Records))
        {
            RecordKey.Check(record.Id);
            long one = record.Key.Length + record.Value.Length + rowBytes;
            longest = Math.Max(longest, one);
            bytes += one;
        }
        foreach (ref readonly var row in CollectionsMarshal.AsSpan(batch.Side))
            longest = Math.Max(longest, row.Key.Length + (row.Value?.Length ?? 0) + rowBytes);

        return (bytes, longest);
    }
}
