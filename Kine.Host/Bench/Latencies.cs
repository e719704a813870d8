using HdrHistogram;

namespace Kine.Host.Bench;

/// <summary>Durations in nanoseconds, to three digits, in a histogram that many callers fill while others look.</summary>
internal static class Latencies
{
    private const int Digits = 3;
    private static readonly long Longest = TimeSpan.FromHours(1).Ticks * TimeSpan.NanosecondsPerTick;

    public static LongConcurrentHistogram Create() => new(1, Longest, Digits);

    /// <summary>Records a duration; what is out of bounds counts as the nearest bound.</summary>
    public static void Record(this LongConcurrentHistogram histogram, TimeSpan duration) =>
        histogram.RecordValue(Math.Clamp(duration.Ticks * TimeSpan.NanosecondsPerTick, 1, Longest));

    /// <summary>The duration that so many percent do not exceed; 0 when there is none.</summary>
    public static long Percentile(this LongConcurrentHistogram histogram, double percent) =>
        histogram.TotalCount == 0 ? 0 : histogram.GetValueAtPercentile(percent);

    public static long Max(this LongConcurrentHistogram histogram) => histogram.Percentile(100);
}
