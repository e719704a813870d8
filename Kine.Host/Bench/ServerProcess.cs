using System.Globalization;

namespace Kine.Host.Bench;

/// <summary>CPU and memory of a process of this machine, read from /proc (Linux).</summary>
internal sealed class ServerProcess
{
    private const int TicksPerSecond = 100; // USER_HZ, the same on all Linux architectures .NET runs on
    private const int UserTimeField = 11; // counted from the state, the first field behind the name
    private const int SystemTimeField = 12;

    private readonly int _pid;

    /// <summary>Looks the process up.</summary>
    /// <exception cref="BenchException">There is no such process, or no /proc.</exception>
    public ServerProcess(int pid)
    {
        _pid = pid;
        _ = CpuTime();
    }

    /// <summary>Number and name, for people.</summary>
    /// <exception cref="BenchException">The process is gone.</exception>
    public string Description => string.Create(CultureInfo.InvariantCulture, $"process {_pid} ({Read("comm").TrimEnd()})");

    /// <summary>User and system time of all its threads, in steps of 10 ms.</summary>
    /// <exception cref="BenchException">The process is gone.</exception>
    public TimeSpan CpuTime()
    {
        var stat = Read("stat");

        // The name stands in parentheses and may hold anything, so fields are counted behind the last one.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        var ticks = long.Parse(fields[UserTimeField], CultureInfo.InvariantCulture) + long.Parse(fields[SystemTimeField], CultureInfo.InvariantCulture);
        return TimeSpan.FromSeconds((double)ticks / TicksPerSecond);
    }

    /// <summary>Resident memory in bytes.</summary>
    /// <exception cref="BenchException">The process is gone.</exception>
    public long ResidentBytes() => Memory("VmRSS:");

    /// <summary>The most memory that was resident at a time, in bytes, since the start or <see cref="ResetPeak"/>.</summary>
    /// <exception cref="BenchException">The process is gone.</exception>
    public long PeakResidentBytes() => Memory("VmHWM:");

    /// <summary>Begins a new peak at what is resident now.</summary>
    /// <exception cref="BenchException">The process is gone or belongs to somebody else.</exception>
    public void ResetPeak()
    {
        try
        {
            File.WriteAllText($"/proc/{_pid}/clear_refs", "5");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new BenchException($"process {_pid} does not let its peak of memory be reset: {error.Message}");
        }
    }

    private long Memory(string field)
    {
        foreach (var line in Read("status").Split('\n'))
        {
            if (line.StartsWith(field, StringComparison.Ordinal))
            {
                return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
            }
        }

        throw new BenchException($"process {_pid} has ended");
    }

    private string Read(string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{_pid}/{file}");
        }
        catch (IOException error)
        {
            throw new BenchException($"process {_pid} cannot be read: {error.Message}");
        }
    }
}
