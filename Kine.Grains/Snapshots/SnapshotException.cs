namespace Kine.Grains.Snapshots;

/// <summary>The file is no etcd snapshot that can be used; the message is one sentence for people.</summary>
public sealed class SnapshotException(string message, Exception? inner = null) : Exception(message, inner);
