namespace Kine.Grains.Watch;

/// <summary>Where a watcher stands, in etcd's words.</summary>
internal enum WatcherState
{
    /// <summary>Stands in its group's chain and gets events as they are published.</summary>
    Synced,

    /// <summary>Behind: started in the past, or was too slow for the chain (etcd: a victim); is served from ring or store.</summary>
    Unsynced,

    /// <summary>Cancelled by compaction; its id stays taken until the client cancels it too.</summary>
    Compacted,

    /// <summary>Gone.</summary>
    Cancelled,
}

/// <summary>
/// One watch of one stream. A worked example, the hub being at revision 9:
/// <code>
/// create, start 4   Unsynced, Next 4
/// page 4..6 read    Unsynced, Next 7, Piece with its events of 4..6
/// piece sent        asks for more
/// page 7..9 read    Synced: Cursor = the chain's tail, Piece with its events of 7..9, Next 10
/// event at 10       a link behind the cursor; sent after the piece
/// client too slow   Unsynced, Cursor none, Next = the first revision that was not sent
/// </code>
/// Group, state changes and chain belong to the hub's lock; what is marked so also needs the stream's.
/// </summary>
internal sealed class Watcher(WatchStream stream, long id, WatchGroup group, long start)
{
    /// <summary>The stream it answers on.</summary>
    public WatchStream Stream { get; } = stream;

    /// <summary>Its id in the stream.</summary>
    public long Id { get; } = id;

    /// <summary>The watchers that get the same events.</summary>
    public WatchGroup Group { get; } = group;

    /// <summary>The start revision asked for, 0 = from now.</summary>
    public long Start { get; } = start;

    /// <summary>True when it wants progress replies.</summary>
    public bool ProgressNotify { get; init; }

    /// <summary>True when large replies are to be split.</summary>
    public bool Fragment { get; init; }

    /// <summary>Changed under both locks.</summary>
    public WatcherState State { get; set; }

    /// <summary>First revision not yet taken for sending; under the stream's lock, and the catch-up's own while <see cref="Requested"/>.</summary>
    public long Next { get; set; }

    /// <summary>The last link sent; null unless synced. Under the stream's lock.</summary>
    public GroupNode? Cursor { get; set; }

    /// <summary>Past events that are to be sent before the chain's. Under the stream's lock.</summary>
    public CatchUpPiece? Piece { get; set; }

    /// <summary>True while the catch-up works for it. Under the stream's lock.</summary>
    public bool Requested { get; set; }

    /// <summary>True when the next progress tick is to be answered: no events since the last one. Under the stream's lock.</summary>
    public bool ProgressDue { get; set; } = true;

    /// <summary>Place in <see cref="WatchGroup.Synced"/>.</summary>
    public int SyncedAt { get; set; } = -1;

    /// <summary>1 while it waits in its stream's queue of watchers with something to send.</summary>
    public int Queued;
}
