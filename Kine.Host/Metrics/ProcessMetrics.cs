using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Kine.Host.Metrics;

/// <summary>The process' own figures, under the names every Prometheus client library gives them.</summary>
internal static class ProcessMetrics
{
    /// <summary>Adds the instruments.</summary>
    public static void Add(Meter meter)
    {
        meter.CreateObservableCounter("process_cpu_seconds_total", () => Of(p => p.TotalProcessorTime.TotalSeconds), null, "CPU time, user and system.");
        meter.CreateObservableGauge("process_resident_memory_bytes", () => Of(p => p.WorkingSet64), null, "Resident memory.");
        meter.CreateObservableGauge("process_virtual_memory_bytes", () => Of(p => p.VirtualMemorySize64), null, "Virtual memory.");
        meter.CreateObservableGauge("process_threads", () => Of(p => p.Threads.Count), null, "Threads of the operating system.");
        var start = Of(p => new DateTimeOffset(p.StartTime).ToUnixTimeMilliseconds() / 1000.0);
        meter.CreateObservableGauge("process_start_time_seconds", () => start, null, "Start, in seconds since 1970.");
        if (OperatingSystem.IsLinux())
        {
            meter.CreateObservableGauge("process_open_fds", () => ProcessLimits.OpenDescriptors, null, "Open file descriptors.");
            meter.CreateObservableGauge("process_max_fds", () => ProcessLimits.MaxDescriptors ?? double.PositiveInfinity, null, "Most file descriptors the process may open.");
        }
    }

    private static T Of<T>(Func<Process, T> figure)
    {
        using var process = Process.GetCurrentProcess();
        return figure(process);
    }
}
