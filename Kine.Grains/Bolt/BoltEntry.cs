namespace Kine.Grains.Bolt;

/// <summary>One entry of a bucket. The bytes stay as they are.</summary>
internal readonly record struct BoltEntry(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value);
