using System.Diagnostics;

namespace Kine.Backends.Sql;

/// <summary>The size as it was asked for last: the server's own count of file sizes is dear and old, the bytes in use are kept by every append and deletion.</summary>
internal sealed class SizeSample(SqlLogReader reader)
{
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(10); // other processes write as well, or the server cleans up
    private long _changes; // appends and deletions of this process
    private Taken _last = new(-1, 0, default);

    /// <summary>Notes an append or a deletion.</summary>
    public void Changed() => Interlocked.Increment(ref _changes);

    /// <summary>Asks for all of it next time.</summary>
    public void Forget() => Volatile.Write(ref _last, new Taken(-1, 0, default));

    /// <summary>See <see cref="IRevisionStore.Size"/>.</summary>
    public ValueTask<StoreSize> Get(CancellationToken cancellationToken)
    {
        var last = Volatile.Read(ref _last);
        return last.IsYoung && last.Changes == Interlocked.Read(ref _changes) ? new(last.Size) : new(Ask(last, cancellationToken));
    }

    private async Task<StoreSize> Ask(Taken last, CancellationToken cancellationToken)
    {
        var changes = Interlocked.Read(ref _changes);
        var onDisk = last.IsYoung ? last.Size.Total : await reader.BytesOnDisk(cancellationToken).ConfigureAwait(false);
        var at = last.IsYoung ? last.DiskAskedAt : Stopwatch.GetTimestamp();
        var inUse = await reader.BytesInUse(cancellationToken).ConfigureAwait(false);
        var size = new StoreSize(Math.Max(onDisk, inUse), inUse);
        Volatile.Write(ref _last, new Taken(changes, at, size));
        return size;
    }

    private sealed record Taken(long Changes, long DiskAskedAt, StoreSize Size)
    {
        public bool IsYoung => Changes >= 0 && Stopwatch.GetElapsedTime(DiskAskedAt) < Age;
    }
}
