using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Kine.Grains.Fencing;

/// <summary>
/// The clock of a writer's proof. It reads both the time since boot, suspend included, and the wall clock: a machine that was suspended or frozen shows in
/// at least one of them. Stopwatch stands still during suspend and would show nothing.
/// </summary>
public partial class ProofClock
{
    private const int BootTime = 7; // CLOCK_BOOTTIME, clock_gettime(2)

    /// <summary>This moment, in ticks of 100 ns.</summary>
    public virtual ProofTime Now => new(SinceBoot(), DateTime.UtcNow.Ticks);

    private static long SinceBoot()
    {
        if (OperatingSystem.IsLinux() && GetTime(BootTime, out var time) == 0)
            return (time.Seconds * TimeSpan.TicksPerSecond) + (time.Nanoseconds / TimeSpan.NanosecondsPerTick);

        return Stopwatch.GetElapsedTime(0).Ticks;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static partial int GetTime(int clock, out TimeSpec time);

    private readonly record struct TimeSpec(long Seconds, long Nanoseconds);
}
