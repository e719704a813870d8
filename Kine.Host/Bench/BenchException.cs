namespace Kine.Host.Bench;

/// <summary>A run that cannot be made; the message is one sentence for the person who asked for it.</summary>
internal sealed class BenchException(string message) : Exception(message);
