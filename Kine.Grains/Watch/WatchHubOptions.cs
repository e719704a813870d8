namespace Kine.Grains.Watch;

/// <summary>Limits and intervals of a <see cref="WatchHub"/>; the defaults are those of the product.</summary>
public sealed record WatchHubOptions
{
    /// <summary>Bytes of recent events kept in memory, keys, values and an estimate of the objects around them.</summary>
    public long RingBytes { get; init; } = 48L << 20;

    /// <summary>Recent events kept in memory at most.</summary>
    public int RingEvents { get; init; } = 1 << 18;

    /// <summary>Bytes of events a live watcher may be behind before it becomes unsynced; they are shared with ring and other watchers.</summary>
    public long LagBytes { get; init; } = 4L << 20;

    /// <summary>Bytes after which a reply takes no further revision. One revision is never split over two replies.</summary>
    public long ReplyBytes { get; init; } = 256L << 10;

    /// <summary>Revisions in one reply at most (etcd's watchBatchMaxRevs).</summary>
    public int ReplyRevisions { get; init; } = 1000;

    /// <summary>Events read from the past in one go.</summary>
    public int PageEvents { get; init; } = 1000;

    /// <summary>Bytes of catch-up replies that all streams together may hold unsent before the pieces get small.</summary>
    public long PieceBudget { get; init; } = 32L << 20;

    /// <summary>Size from which a reply is split for a watch that asked for fragments (etcd's request limit and its overhead).</summary>
    public long FragmentBytes { get; init; } = (1536L << 10) + (512L << 10);

    /// <summary>
    /// Time without events after which a watch with progress_notify gets a progress reply; up to a tenth is added by chance, so that
    /// streams opened together do not answer together. Never below 100 ms, as in etcd.
    /// </summary>
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Replies that a stream holds unsent before it stops taking requests.</summary>
    public int ControlReplies { get; init; } = 64;

    /// <summary>Batches buffered while a gap before them is pulled; what comes on top is dropped and pulled too.</summary>
    public int BufferedBatches { get; init; } = 256;

    /// <summary>Pause before a failed read of the past is tried again; doubled up to sixteen times as long.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Told of each failed read of the past, which is then tried again, and of a fault that ends the hub. Called on any thread; must not throw.
    /// </summary>
    public Action<Exception>? OnHistoryFailure { get; init; }
}
