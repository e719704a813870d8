namespace Kine.Grains.Reads;

/// <summary>
/// The store has no value for a version that the index names, and no compaction is known here that took it. At a follower the mark may be on its way; at the
/// writer it is damage.
/// </summary>
public sealed class MissingValueException(long revision) : Exception($"The store lacks a value that revision {revision} needs.");
