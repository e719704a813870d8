namespace Orleans.Runtime;

/// <summary>The grain runtime is not running, so that a call cannot reach its grain. The call was not made.</summary>
public sealed class SiloUnavailableException(string message) : Exception(message);
