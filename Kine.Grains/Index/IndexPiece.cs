namespace Kine.Grains.Index;

/// <summary>Live keys of a prefix at one revision, in key order: what a follower builds its own index from.</summary>
[GenerateSerializer, Immutable]
public sealed class IndexPiece
{
    /// <summary>The keys.</summary>
    [Id(0)]
    public required IReadOnlyList<byte[]> Keys { get; init; }

    /// <summary>The version of each key.</summary>
    [Id(1)]
    public required IReadOnlyList<KeyVersion> Versions { get; init; }

    /// <summary>False when there are keys after the last one.</summary>
    [Id(2)]
    public required bool Last { get; init; }
}
