using System.Diagnostics;

namespace Kine.Tests.Servers;

/// <summary>A program run to its end.</summary>
/// <param name="ExitCode">0 for success, as programs have it.</param>
/// <param name="Output">All of standard output.</param>
/// <param name="Errors">All of standard error.</param>
public sealed record Command(int ExitCode, string Output, string Errors)
{
    /// <exception cref="TimeoutException">It did not end in time; it was killed.</exception>
    public static async Task<Command> Run(
        string program,
        IEnumerable<string> arguments,
        string input = "",
        TimeSpan? within = null,
        IReadOnlyDictionary<string, string>? environment = null,
        string? folder = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It closed its input, which it does not read to the end; its exit code tells why.
        }
        using var limit = new CancellationTokenSource(within ?? TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end\n{await output}\n{await errors}");
        }
        return new Command(process.ExitCode, await output, await errors);
    }
}
