using System.Diagnostics.CodeAnalysis;

namespace Kine.Grains.Values;

/// <summary>
/// Memory, and one thread, that all long reads of the process share. What is sorted, or waits for a slow client, takes room here; a read that finds none is
/// refused instead of growing the process.
/// </summary>
public sealed class ReadRoom
{
    private const long LeastBytes = 64 << 20;
    private const int PartOfMemory = 8;
    private const long LargestPiece = 1 << 20;
    private const long SmallestPiece = 16 << 10;

    private readonly SemaphoreSlim _walker = new(1);
    private long _taken;
    private int _senders;

    /// <summary>Bytes for all of them together: an eighth of what the process may use.</summary>
    public long Limit { get; init; } = Math.Max(LeastBytes, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / PartOfMemory);

    /// <summary>Bytes that are taken now.</summary>
    public long Taken => Volatile.Read(ref _taken);

    /// <summary>Replies that are being sent now.</summary>
    public int Senders => Volatile.Read(ref _senders);

    /// <summary>Bytes of values that one reply should have at hand at a time: the fewer, the more are being sent.</summary>
    public long PieceBytes => Math.Clamp(Limit / 2 / Math.Max(1, Senders), SmallestPiece, LargestPiece);

    /// <summary>Takes bytes until the result is disposed of; ResourceExhausted "etcdserver: too many requests" when they are not there.</summary>
    public IDisposable Take(long bytes) => TryTake(bytes, out var part) ? part : throw EtcdErrors.TooManyRequests;

    /// <summary>The same; false when they are not there.</summary>
    public bool TryTake(long bytes, [NotNullWhen(true)] out IDisposable? part)
    {
        if (Interlocked.Add(ref _taken, bytes) <= Limit)
        {
            part = new Part(() => Interlocked.Add(ref _taken, -bytes));
            return true;
        }

        Interlocked.Add(ref _taken, -bytes);
        part = null;
        return false;
    }

    /// <summary>Counts a reply as being sent until the result is disposed of.</summary>
    public IDisposable Send()
    {
        Interlocked.Increment(ref _senders);
        return new Part(() => Interlocked.Decrement(ref _senders));
    }

    /// <summary>Does what may take long on a thread of its own, one at a time, so that the threads that answer everybody stay free.</summary>
    public async Task Walk(Action walk, CancellationToken cancellationToken)
    {
        await _walker.WaitAsync(cancellationToken);
        try
        {
            await Task.Factory.StartNew(walk, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            _walker.Release();
        }
    }

    private sealed class Part(Action giveBack) : IDisposable
    {
        private Action? _giveBack = giveBack;

        public void Dispose() => Interlocked.Exchange(ref _giveBack, null)?.Invoke();
    }
}
