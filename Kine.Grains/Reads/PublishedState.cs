namespace Kine.Grains.Reads;

/// <summary>What readers may see: immutable, swapped whole, so that revision and compaction mark always belong together.</summary>
/// <param name="Revision">Newest published revision; 1 in an empty store.</param>
/// <param name="CompactRevision">The compaction mark, -1 before any compaction.</param>
/// <param name="Term">Epoch of the writer that published it.</param>
[GenerateSerializer, Immutable]
public sealed record PublishedState(long Revision, long CompactRevision, ulong Term);
