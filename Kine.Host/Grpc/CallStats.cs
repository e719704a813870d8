using Kine.Grains;

namespace Kine.Host.Grpc;

/// <summary>Counters of one method. Written on every call, so they are plain longs and not instruments.</summary>
internal sealed class CallStats
{
    /// <summary>Upper bounds of the latency buckets, in seconds; one more bucket holds the rest.</summary>
    public static readonly double[] Bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private static readonly long[] BoundTicks = [.. Bounds.Select(b => (long)(b * TimeSpan.TicksPerSecond))];

    private readonly long[] _handled = new long[(int)StatusCode.Unauthenticated + 1];
    private readonly long[] _buckets = new long[Bounds.Length + 1];
    private long _started;
    private long _totalTicks;

    /// <summary>Calls begun.</summary>
    public long Started => Volatile.Read(ref _started);

    /// <summary>Seconds spent in all ended calls.</summary>
    public double TotalSeconds => Volatile.Read(ref _totalTicks) / (double)TimeSpan.TicksPerSecond;

    /// <summary>Calls ended with the code.</summary>
    public long Handled(StatusCode code) => Volatile.Read(ref _handled[(int)code]);

    /// <summary>Calls in the bucket of that number, not cumulative.</summary>
    public long Bucket(int index) => Volatile.Read(ref _buckets[index]);

    public void Begin() => Interlocked.Increment(ref _started);

    public void End(StatusCode code, long elapsedTicks)
    {
        Interlocked.Increment(ref _handled[(int)code]);
        Interlocked.Add(ref _totalTicks, elapsedTicks);
        var bucket = 0;
        while (bucket < BoundTicks.Length && elapsedTicks > BoundTicks[bucket])
        {
            bucket++;
        }

        Interlocked.Increment(ref _buckets[bucket]);
    }
}
