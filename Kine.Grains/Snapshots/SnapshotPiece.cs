namespace Kine.Grains.Snapshots;

/// <summary>The next bytes of a snapshot file.</summary>
/// <param name="Bytes">The bytes.</param>
/// <param name="Remaining">Bytes of the file behind them; 0 in the last piece.</param>
/// <param name="StorageVersion">Storage version of the emulated etcd, such as 3.6.0; empty below 3.6.</param>
[GenerateSerializer, Immutable]
public sealed record SnapshotPiece(byte[] Bytes, long Remaining, string StorageVersion);
