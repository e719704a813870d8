namespace Kine.Tests.Servers;

/// <summary>Runs programs that refuse to run as root under the account that Debian's package made for them.</summary>
public static class ServerAccount
{
    private const string Account = "postgres";
    private static readonly bool IsRoot = Environment.IsPrivilegedProcess;

    /// <summary>Gives a file or folder to the account.</summary>
    public static void Own(string path)
    {
        if (!IsRoot)
            return;

        var done = Command.Run("chown", [Account, path]).GetAwaiter().GetResult();
        if (done.ExitCode != 0)
            throw new InvalidOperationException(done.Errors);
    }

    /// <summary>Lets every account into a folder.</summary>
    public static void Share(string folder)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
    }

    public static RunningProcess Start(string program, IEnumerable<string> arguments)
    {
        (program, var all) = As(program, arguments);
        return RunningProcess.Start(program, all);
    }

    /// <summary>Runs it to its end; throws with what it said when it failed.</summary>
    public static async Task<string> Run(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        (var name, var all) = As(program, arguments);
        var done = await Command.Run(name, all, within: TimeSpan.FromMinutes(3), environment: environment);
        if (done.ExitCode != 0)
            throw new InvalidOperationException($"{program} ended with {done.ExitCode}:\n{done.Output}\n{done.Errors}");

        return done.Output;
    }

    private static (string Program, IEnumerable<string> Arguments) As(string program, IEnumerable<string> arguments)
        => IsRoot
            ? ("setpriv", ["--reuid", Account, "--regid", Account, "--clear-groups", "--", program, .. arguments])
            : (program, arguments);
}
