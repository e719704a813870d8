using System.Diagnostics;

namespace Kine.Host.Metrics;

/// <summary>The process' own figures, under the names every Prometheus client library gives them.</summary>
internal static class ProcessMetrics
{
    public static void Write(PrometheusText text)
    {
        using var process = Process.GetCurrentProcess();
        text.Single("process_cpu_seconds_total", "counter", "CPU time, user and system.", process.TotalProcessorTime.TotalSeconds);
        text.Single("process_resident_memory_bytes", "gauge", "Resident memory.", process.WorkingSet64);
        text.Single("process_virtual_memory_bytes", "gauge", "Virtual memory.", process.VirtualMemorySize64);
        text.Single(
            "process_start_time_seconds",
            "gauge",
            "Start, in seconds since 1970.",
            new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0);
        text.Single("process_threads", "gauge", "Threads of the operating system.", process.Threads.Count);
        if (OperatingSystem.IsLinux())
        {
            text.Single("process_open_fds", "gauge", "Open file descriptors.", Directory.GetFileSystemEntries("/proc/self/fd").Length);
        }
    }
}
