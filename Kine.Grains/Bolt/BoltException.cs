namespace Kine.Grains.Bolt;

/// <summary>The file is no bbolt database, or a damaged one; the message is one sentence for people.</summary>
public sealed class BoltException(string message) : Exception(message);
