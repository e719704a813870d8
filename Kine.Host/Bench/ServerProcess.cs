using System.ComponentModel;
using System.Diagnostics;

namespace Kine.Host.Bench;

/// <summary>CPU and memory of a process of this machine.</summary>
internal sealed class ServerProcess
{
    private readonly Process _process;

    /// <exception cref="BenchException">There is no such process.</exception>
    public ServerProcess(int pid)
    {
        try
        {
            _process = Process.GetProcessById(pid);
        }
        catch (ArgumentException)
        {
            throw new BenchException($"there is no process {pid}");
        }
    }

    /// <summary>Number and name, for people.</summary>
    /// <exception cref="BenchException">The process is gone.</exception>
    public string Description => $"process {_process.Id} ({Read(() => _process.ProcessName)})";

    /// <summary>User and system time of all its threads; on Linux in steps of 10 ms.</summary>
    /// <exception cref="BenchException">The process is gone.</exception>
    public TimeSpan CpuTime() => Read(() => _process.TotalProcessorTime);

    /// <summary>Resident memory in bytes.</summary>
    /// <exception cref="BenchException">The process is gone.</exception>
    public long ResidentBytes() => Read(() => _process.WorkingSet64);

    private T Read<T>(Func<T> figure)
    {
        try
        {
            _process.Refresh();
            return figure();
        }
        catch (Exception ended) when (ended is InvalidOperationException or Win32Exception)
        {
            throw new BenchException($"process {_process.Id} has ended");
        }
    }
}
