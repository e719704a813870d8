namespace Kine.Grains.Hosting;

/// <summary>The process cannot start; the message is one sentence that a user can act on.</summary>
public sealed class StartException(string message, bool wrongSettings = false, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>True when the settings are at fault (exit code 2), false when the store or the machine is (exit code 1).</summary>
    public bool WrongSettings { get; } = wrongSettings;
}
