namespace Kine.Host.Cli;

/// <summary>The command line or a variable is wrong; the message is one sentence for the user. Exit code 2.</summary>
/// <param name="message">The sentence.</param>
/// <param name="command">The command whose help says more.</param>
internal sealed class CommandLineException(string message, string command = "kine") : Exception(message)
{
    /// <summary>The command whose help says more.</summary>
    public string Command => command;
}
