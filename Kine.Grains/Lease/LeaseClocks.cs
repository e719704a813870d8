using Kine.Grains.Writing;

namespace Kine.Grains.Lease;

/// <summary>When the runs of leases are due.</summary>
internal sealed class LeaseClocks(TimeProvider time)
{
    private readonly long _zero = time.GetTimestamp();
    private readonly Dictionary<long, Clock> _clocks = [];
    private readonly SortedSet<(TimeSpan Due, long Lease)> _queue = []; // without the runs that were taken

    /// <summary>How long until the next run is due; null when there is none.</summary>
    public TimeSpan? Next => _queue.Count == 0 ? null : Left(_queue.Min.Due);

    private TimeSpan Now => time.GetElapsedTime(_zero);

    /// <summary>
    /// Starts the clock of a run, or drops that of a lease that is gone. A run that is not newer than the known one
    /// changes nothing: messages may overtake each other.
    /// </summary>
    public void Apply(LeaseRun run)
    {
        if (_clocks.TryGetValue(run.Id, out var known))
        {
            if (!run.IsNewerThan(known.Run))
            {
                return;
            }

            _queue.Remove((known.Due, run.Id));
            _clocks.Remove(run.Id);
        }

        if (!run.IsGone)
        {
            Enqueue(new Clock(run, Now + TimeSpan.FromSeconds(run.Ttl)));
        }
    }

    /// <summary>Up to <paramref name="count"/> runs that are due, each once.</summary>
    public LeaseRun[] TakeDue(int count)
    {
        var due = new List<LeaseRun>();
        var now = Now;
        while (due.Count < count && _queue.Count > 0 && _queue.Min is var first && first.Due <= now)
        {
            _queue.Remove(first);
            due.Add(_clocks[first.Lease].Run);
        }

        return [.. due];
    }

    /// <summary>Makes a run that was taken due once more, after <paramref name="wait"/>, unless a newer one began meanwhile.</summary>
    public void PutBack(LeaseRun run, TimeSpan wait)
    {
        if (_clocks.TryGetValue(run.Id, out var known) && known.Run == run)
        {
            Enqueue(new Clock(run, Now + wait, WasDue: true));
        }
    }

    /// <summary>What is left of the lease's run; null when it has no clock here.</summary>
    public TimeSpan? Left(long lease) => _clocks.TryGetValue(lease, out var clock) ? clock.WasDue ? TimeSpan.Zero : Left(clock.Due) : null;

    private TimeSpan Left(TimeSpan due) => due - Now is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;

    private void Enqueue(Clock clock)
    {
        _clocks[clock.Run.Id] = clock;
        _queue.Add((clock.Due, clock.Run.Id));
    }

    private readonly record struct Clock(LeaseRun Run, TimeSpan Due, bool WasDue = false);
}
