using Kine.Grains.Index;

namespace Kine.Grains.Values;

/// <summary>A key and one of its versions, whose value is wanted.</summary>
public readonly record struct VersionedKey(ReadOnlyMemory<byte> Key, KeyVersion Version);
