using Kine.Grains.Values;

namespace Kine.Grains.Watch;

/// <summary>A stretch of the past: whole revisions only.</summary>
/// <param name="Events">All events of revisions in [from, Through], in order.</param>
/// <param name="Through">The last revision that the page covers.</param>
public readonly record struct EventPage(IReadOnlyList<KeyEvent> Events, long Through);

/// <summary>The published past, as the watch hub and followers read it.</summary>
public interface IEventHistory
{
    /// <summary>Newest revision that readers may see.</summary>
    long PublishedRevision { get; }

    /// <summary>The compaction mark, -1 before any compaction.</summary>
    long CompactRevision { get; }

    /// <summary>
    /// Events from revision <paramref name="from"/> up to at most <paramref name="to"/>, as many whole revisions as fit in about
    /// <paramref name="maxEvents"/> and <paramref name="maxBytes"/>, at least one. Read from the store; the caller looks at
    /// <see cref="CompactRevision"/> afterwards, and drops the page when it began below the mark.
    /// </summary>
    Task<EventPage> ReadEvents(long from, long to, int maxEvents, long maxBytes, CancellationToken cancellationToken);

    /// <summary>Pairs as marshaled mvccpb.KeyValue, from cache or store, in the order asked; null where compaction has taken the version away.</summary>
    ValueTask<ReadOnlyMemory<byte>?[]> ReadKeyValues(IReadOnlyList<VersionedKey> versions, CancellationToken cancellationToken);
}
