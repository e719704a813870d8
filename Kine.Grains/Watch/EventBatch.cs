namespace Kine.Grains.Watch;

/// <summary>
/// What one published append changed, in (revision, sub) order. Batches join end to end: a follower that is at <see cref="PreviousRevision"/> is at
/// <see cref="LastRevision"/> after applying it, and one that is anywhere else must pull what it missed (or drop what it has already).
/// </summary>
/// <param name="PreviousRevision">Published revision before the batch.</param>
/// <param name="LastRevision">Published revision after it; equal to the previous one when only the compaction mark moved.</param>
/// <param name="CompactRevision">The compaction mark, -1 before any compaction.</param>
/// <param name="Events">Events of revisions in (PreviousRevision, LastRevision].</param>
[GenerateSerializer, Immutable]
public sealed record EventBatch(long PreviousRevision, long LastRevision, long CompactRevision, IReadOnlyList<KeyEvent> Events);
