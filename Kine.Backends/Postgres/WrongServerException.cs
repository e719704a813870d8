namespace Kine.Backends.Postgres;

/// <summary>The server answers, but is not the one to use: a standby, or read-only.</summary>
internal sealed class WrongServerException(string message) : Exception(message);
