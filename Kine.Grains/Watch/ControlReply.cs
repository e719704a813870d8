namespace Kine.Grains.Watch;

/// <summary>A reply without events: created, cancelled or progress.</summary>
internal readonly record struct ControlReply(long WatchId, long Revision)
{
    /// <summary>The watch_id of a reply that concerns no one watch.</summary>
    public const long NoWatch = -1;

    public bool Created { get; init; }

    public bool Canceled { get; init; }

    public long CompactRevision { get; init; }

    /// <summary>Null for none.</summary>
    public string? CancelReason { get; init; }
}
