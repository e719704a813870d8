namespace Kine.Grains.Snapshots;

/// <summary>The next bytes of a snapshot file.</summary>
[GenerateSerializer, Immutable]
public sealed class SnapshotPiece
{
    /// <summary>The bytes.</summary>
    [Id(0)]
    public required byte[] Bytes { get; init; }

    /// <summary>Bytes of the file behind them; 0 in the last piece.</summary>
    [Id(1)]
    public required long Remaining { get; init; }

    /// <summary>Storage version of the emulated etcd, such as 3.6.0; empty below 3.6.</summary>
    [Id(2)]
    public required string StorageVersion { get; init; }
}
