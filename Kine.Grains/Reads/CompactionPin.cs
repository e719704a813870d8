namespace Kine.Grains.Reads;

/// <summary>A read that compaction waits for; disposing it lets compaction go on.</summary>
public sealed class CompactionPin : IDisposable
{
    private readonly CompactionPins _owner;
    private long _progress = long.MinValue;
    private int _freed;

    internal CompactionPin(CompactionPins owner, long revision)
    {
        _owner = owner;
        Revision = revision;
    }

    /// <summary>The revision that is pinned.</summary>
    public long Revision { get; }

    /// <summary>When it last moved on, in the time provider's timestamps; the lowest value when it never did.</summary>
    internal long LastProgress => Volatile.Read(ref _progress);

    /// <summary>Notes that a long read moves on: compaction's patience with it starts anew.</summary>
    public void Progress(TimeProvider time) => Volatile.Write(ref _progress, time.GetTimestamp());

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _freed, 1) == 0)
            _owner.Free(this);
    }
}
