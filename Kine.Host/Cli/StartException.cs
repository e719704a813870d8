namespace Kine.Host.Cli;

/// <summary>The server cannot start; the message is one sentence for the user.</summary>
internal sealed class StartException(string message, bool wrongSettings, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>True when the settings are at fault (exit code 2), false when the machine is (exit code 1).</summary>
    public bool WrongSettings { get; } = wrongSettings;
}
