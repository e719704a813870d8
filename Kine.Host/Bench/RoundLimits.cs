using System.Diagnostics;

namespace Kine.Host.Bench;

/// <summary>Decides whether a caller makes another request, and when: by time, by number and by rate. Shared by all callers of a round.</summary>
internal sealed class RoundLimits
{
    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly long _end;
    private readonly long _total;
    private readonly double _interval; // timestamp units between the requests of one caller; 0 = none
    private readonly long[] _made;
    private readonly CancellationToken _stopped;
    private long _taken;

    public RoundLimits(TimeSpan duration, long total, double rate, int callers, CancellationToken stopped)
    {
        _end = duration == Timeout.InfiniteTimeSpan ? long.MaxValue : _start + (long)(duration.TotalSeconds * Stopwatch.Frequency);
        _total = total;
        _interval = rate > 0 ? Stopwatch.Frequency * callers / rate : 0;
        _made = new long[callers];
        _stopped = stopped;
    }

    /// <summary>Takes one request.</summary>
    /// <param name="caller">Index of the caller.</param>
    /// <param name="due">Timestamp at which to send it, or null for at once.</param>
    public bool TryTake(int caller, out long? due)
    {
        due = null;
        var now = Stopwatch.GetTimestamp();
        if (now >= _end || _stopped.IsCancellationRequested)
            return false;

        if (_interval > 0)
        {
            // Callers start spread over one interval.
            due = _start + (long)(_interval * (_made[caller]++ + ((double)caller / _made.Length)));
            if (due >= _end)
                return false;
        }

        return _total == 0 || Interlocked.Increment(ref _taken) <= _total;
    }
}
