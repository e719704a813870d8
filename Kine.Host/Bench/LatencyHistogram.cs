using System.Numerics;

namespace Kine.Host.Bench;

/// <summary>
/// Counts durations in buckets that are at most 1/128 of their value wide, from 1 ns to hours, in 42 KiB. One writer; readers may look at any
/// time and see counts that are at most a moment old.
/// </summary>
public sealed class LatencyHistogram
{
    private const int PrecisionBits = 7;
    private const int LargestShift = 36; // values up to 2^44 ns, nearly five hours
    private const int BucketCount = (LargestShift + 2) << PrecisionBits;
    private const long LargestValue = (1L << (PrecisionBits + 1 + LargestShift)) - 1;

    private readonly long[] _counts = new long[BucketCount];

    /// <summary>Number of durations recorded.</summary>
    public long Count { get; private set; }

    /// <summary>The longest duration recorded, exact, in nanoseconds.</summary>
    public long Max { get; private set; }

    /// <summary>Records one duration in nanoseconds; what is out of bounds counts as the nearest bound.</summary>
    public void Record(long nanoseconds)
    {
        var value = Math.Clamp(nanoseconds, 0, LargestValue);
        _counts[BucketOf(value)]++;
        Count++;
        if (value > Max)
        {
            Max = value;
        }
    }

    /// <summary>Adds all that another one holds.</summary>
    public void Add(LatencyHistogram other)
    {
        for (var bucket = 0; bucket < BucketCount; bucket++)
        {
            _counts[bucket] += other._counts[bucket];
        }

        Count += other.Count;
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>The duration in nanoseconds that <paramref name="percent"/> of all do not exceed (upper end of its bucket); 0 when empty.</summary>
    public long Percentile(double percent)
    {
        var rank = Math.Max(1, (long)Math.Ceiling(Count * percent / 100));
        long seen = 0;
        for (var bucket = 0; bucket < BucketCount; bucket++)
        {
            seen += _counts[bucket];
            if (seen >= rank)
            {
                return Math.Min(UpperEndOf(bucket), Max);
            }
        }

        return Max;
    }

    private static int BucketOf(long value)
    {
        var shift = Math.Max(0, 63 - BitOperations.LeadingZeroCount((ulong)value) - PrecisionBits);
        return (shift << PrecisionBits) + (int)(value >> shift);
    }

    private static long UpperEndOf(int bucket)
    {
        var shift = Math.Max(0, (bucket >> PrecisionBits) - 1);
        var start = (long)(bucket - (shift << PrecisionBits)) << shift;
        return start + (1L << shift) - 1;
    }
}
