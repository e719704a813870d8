namespace Kine.Backends.MySql;

/// <summary>This side does not log in: the server asks for what the settings do not allow, or does not prove who it is.</summary>
internal sealed class LoginRefusedException(string message, Exception? inner = null) : Exception(message, inner);
