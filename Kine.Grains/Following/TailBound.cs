namespace Kine.Grains.Following;

/// <summary>Finds out from which revision on the log is small enough to be kept in memory for watches.</summary>
internal sealed class TailBound
{
    private const int MaxEvents = 4096;
    private const long MaxBytes = 8 << 20;

    private readonly Queue<(long Revision, long Bytes)> _tail = new();
    private long _bytes;

    /// <summary>Counts the next record of the log.</summary>
    public void Add(long revision, long bytes)
    {
        _tail.Enqueue((revision, bytes));
        _bytes += bytes;
        while (_tail.Count > MaxEvents || _bytes > MaxBytes)
            _bytes -= _tail.Dequeue().Bytes;
    }

    /// <summary>That revision, in a log that ends with the given one. The one before it may have lost records to the bounds.</summary>
    public long From(long last) => _tail.Count > 0 ? _tail.Peek().Revision + 1 : last + 1;
}
