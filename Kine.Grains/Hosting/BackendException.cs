namespace Kine.Grains.Hosting;

/// <summary>The store could not be opened; the message is one sentence that a user can act on.</summary>
public sealed class BackendException : Exception
{
    /// <summary>A failure at start; see the properties.</summary>
    public BackendException(string message, bool wrongSettings = false, Exception? innerException = null)
        : base(message, innerException) => WrongSettings = wrongSettings;

    /// <summary>True when the settings are at fault (exit code 2), false when the store is (exit code 1).</summary>
    public bool WrongSettings { get; }
}
