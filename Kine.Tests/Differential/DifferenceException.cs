namespace Kine.Tests.Differential;

/// <summary>The two servers of a differential run gave different answers; the message tells the whole story.</summary>
public sealed class DifferenceException(string message) : Exception(message);
