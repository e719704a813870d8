namespace Kine.Grains.Reads;

/// <summary>
/// Keeps compaction from deleting what a longer read still needs. A reader takes a pin at its revision and only then looks at the compaction mark;
/// compaction publishes its mark and only then waits for the pins below it. So either the reader sees the mark, or compaction sees the pin.
/// </summary>
public sealed class CompactionPins
{
    private readonly Lock _lock = new(); // protects _pins and _waiters
    private readonly SortedDictionary<long, HashSet<CompactionPin>> _pins = [];
    private readonly List<(long Below, TaskCompletionSource Freed)> _waiters = [];

    /// <summary>Pins everything that a read at <paramref name="revision"/> needs until disposed.</summary>
    public CompactionPin Acquire(long revision)
    {
        var pin = new CompactionPin(this, revision);
        lock (_lock)
        {
            if (!_pins.TryGetValue(revision, out var same))
                _pins.Add(revision, same = []);

            same.Add(pin);
        }

        return pin;
    }

    /// <summary>
    /// Completes when no pin below <paramref name="revision"/> is left, or when <paramref name="limit"/> has passed, since the call and since any of them
    /// last made progress: a reader that is slower fails.
    /// </summary>
    public async Task WaitBelow(long revision, TimeSpan limit, TimeProvider time)
    {
        var start = time.GetTimestamp();
        var freed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (!Below(revision).Any())
                return;

            _waiters.Add((revision, freed));
        }

        while (!freed.Task.IsCompleted)
        {
            var left = limit - time.GetElapsedTime(Math.Max(start, LastProgress(revision)));
            if (left <= TimeSpan.Zero)
                break;

            await Task.WhenAny(freed.Task, Task.Delay(left, time));
        }

        lock (_lock)
        {
            _waiters.RemoveAll(waiter => waiter.Freed == freed);
        }
    }

    /// <summary>Called once by each pin.</summary>
    internal void Free(CompactionPin pin)
    {
        lock (_lock)
        {
            var same = _pins[pin.Revision];
            same.Remove(pin);
            if (same.Count > 0)
                return;

            _pins.Remove(pin.Revision);
            for (var i = _waiters.Count - 1; i >= 0; i--)
            {
                if (!Below(_waiters[i].Below).Any())
                {
                    _waiters[i].Freed.TrySetResult();
                    _waiters.RemoveAt(i);
                }
            }
        }
    }

    private long LastProgress(long below)
    {
        lock (_lock)
        {
            return Below(below).Select(pin => pin.LastProgress).DefaultIfEmpty(long.MinValue).Max();
        }
    }

    private IEnumerable<CompactionPin> Below(long revision) => _pins.TakeWhile(entry => entry.Key < revision).SelectMany(entry => entry.Value);
}
