using System.Globalization;

namespace Kine.Host.Metrics;

/// <summary>What the operating system lets the process have, by Linux' own files.</summary>
internal static class ProcessLimits
{
    private const string Limits = "/proc/self/limits";
    private const string DescriptorLimit = "Max open files";

    /// <summary>Most file descriptors, by the soft limit; null = as many as it likes, or the system is not Linux.</summary>
    public static long? MaxDescriptors
    {
        get
        {
            if (!OperatingSystem.IsLinux())
                return null;

            // "Max open files            1024                 4096                 files": the soft limit comes first.
            var line = File.ReadLines(Limits).First(l => l.StartsWith(DescriptorLimit, StringComparison.Ordinal));
            var soft = line[DescriptorLimit.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
            return soft == "unlimited" ? null : long.Parse(soft, CultureInfo.InvariantCulture);
        }
    }

    /// <summary>File descriptors that are open.</summary>
    public static int OpenDescriptors => Directory.GetFileSystemEntries("/proc/self/fd").Length;
}
