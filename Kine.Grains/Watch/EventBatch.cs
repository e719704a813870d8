namespace Kine.Grains.Watch;

/// <summary>
/// What one published append changed, in (revision, sub) order. Batches join end to end: a follower that is at <see cref="PreviousRevision"/> is at
/// <see cref="LastRevision"/> after applying it, and one that is anywhere else must pull what it missed (or drop what it has already).
/// </summary>
[GenerateSerializer, Immutable]
public sealed class EventBatch
{
    public EventBatch(long previousRevision, long lastRevision, long compactRevision, IReadOnlyList<KeyEvent> events)
    {
        PreviousRevision = previousRevision;
        LastRevision = lastRevision;
        CompactRevision = compactRevision;
        Events = events;
    }

    /// <summary>Published revision before the batch.</summary>
    [Id(0)]
    public long PreviousRevision { get; }

    /// <summary>Published revision after it; equal to the previous one when only the compaction mark moved.</summary>
    [Id(1)]
    public long LastRevision { get; }

    /// <summary>The compaction mark, -1 before any compaction.</summary>
    [Id(2)]
    public long CompactRevision { get; }

    /// <summary>Events of revisions in (PreviousRevision, LastRevision].</summary>
    [Id(3)]
    public IReadOnlyList<KeyEvent> Events { get; }
}
