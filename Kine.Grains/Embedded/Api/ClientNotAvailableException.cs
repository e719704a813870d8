namespace Orleans.Runtime;

/// <summary>The observer that was called has no address any more. The call was not made.</summary>
public sealed class ClientNotAvailableException(string message) : Exception(message);
