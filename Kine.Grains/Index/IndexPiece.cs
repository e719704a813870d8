namespace Kine.Grains.Index;

/// <summary>Live keys of a prefix at one revision, in key order: what a follower builds its own index from.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="Versions">The version of each key.</param>
/// <param name="Last">False when there are keys after the last one.</param>
[GenerateSerializer, Immutable]
public sealed record IndexPiece(IReadOnlyList<byte[]> Keys, IReadOnlyList<KeyVersion> Versions, bool Last);
