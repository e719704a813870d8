namespace Kine.Grains.Import;

/// <summary>An import could not be finished; the message is one sentence for people.</summary>
public sealed class ImportException(string message, Exception? inner = null) : Exception(message, inner);
