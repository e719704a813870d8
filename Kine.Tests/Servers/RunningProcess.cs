using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Kine.Tests.Servers;

/// <summary>A child process with everything it printed, stopped by its pid.</summary>
public sealed partial class RunningProcess : IDisposable
{
    private const int SigTerm = 15;
    private const int SigStop = 19;

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private RunningProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public int Pid => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>Standard output and standard error so far, in the order of arrival.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Resident memory now, in bytes.</summary>
    public long ResidentBytes => MemoryOf("VmRSS:");

    /// <summary>The most that was ever resident, in bytes.</summary>
    public long PeakResidentBytes => MemoryOf("VmHWM:");

    /// <summary>The processes it started.</summary>
    public int[] Children => [.. Directory.GetDirectories($"/proc/{Pid}/task")
        .SelectMany(task => File.ReadAllText(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Select(int.Parse)];

    /// <summary>Files, sockets and the like that it has open.</summary>
    public int OpenFiles => Directory.GetFileSystemEntries($"/proc/{Pid}/fd").Length;

    public static RunningProcess Start(
        string program, IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = false,
            WorkingDirectory = folder ?? Path.GetTempPath(),
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;

        return new RunningProcess(start);
    }

    /// <summary>Asks it to stop (SIGTERM) and waits; false when it still runs after the time given.</summary>
    public async Task<bool> Terminate(TimeSpan within)
    {
        if (!_process.HasExited)
            Signal(SigTerm);

        return await Exited(within);
    }

    /// <summary>Ends it as power loss would, as far as a process goes (SIGKILL), and waits until it is gone.</summary>
    public async Task Kill()
    {
        if (!_process.HasExited)
            _process.Kill();

        await _process.WaitForExitAsync();
    }

    public async Task<bool> Exited(TimeSpan within)
    {
        using var limit = new CancellationTokenSource(within);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Waits until it has printed something; gives all of its output.</summary>
    /// <exception cref="TimeoutException">It did not print that in time, or ended before.</exception>
    public async Task<string> Printed(string text, TimeSpan? within = null)
    {
        var deadline = DateTime.UtcNow + (within ?? Wait.Limit);
        while (true)
        {
            var ended = _process.HasExited;
            var output = Output;
            if (output.Contains(text, StringComparison.Ordinal))
                return output;

            if (ended || DateTime.UtcNow > deadline)
                throw new TimeoutException($"\"{text}\" was not printed{(ended ? " before the end" : "")}, but:\n{output}");

            await Task.Delay(10);
        }
    }

    /// <summary>Sends SIGSTOP and waits until every thread stands still, which may be a while after the signal was sent.</summary>
    public async Task Pause()
    {
        Signal(SigStop);
        while (Directory.GetDirectories($"/proc/{Pid}/task").Any(static task => !IsStopped(task)))
            await Task.Delay(1);
    }

    // The state comes after the name, which stands in parentheses.
    private static bool IsStopped(string task)
    {
        try
        {
            var stat = File.ReadAllText(Path.Combine(task, "stat"));
            return stat[stat.LastIndexOf(')') + 2] == 'T';
        }
        catch (IOException)
        {
            return true; // it has ended
        }
    }

    public void Signal(int number) => Signal(Pid, number);

    public static void Signal(int pid, int number)
    {
        if (KillProcess(pid, number) != 0)
            throw new InvalidOperationException($"kill({pid}, {number}) failed with errno {Marshal.GetLastPInvokeError()}");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }
        _process.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int KillProcess(int pid, int signal);

    private long MemoryOf(string name)
    {
        var line = File.ReadLines($"/proc/{Pid}/status").First(entry => entry.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim()) * 1024;
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;

        lock (_output)
        {
            _output.AppendLine(line);
        }
    }
}
