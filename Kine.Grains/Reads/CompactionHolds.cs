using Kine.Grains.Keyspace;

namespace Kine.Grains.Reads;

/// <summary>
/// Keeps compaction from deleting what a longer read still needs. A reader acquires a hold at its revision and only then looks at the compaction mark;
/// compaction publishes its mark and only then waits for the holds below it. So either the reader sees the mark, or compaction sees the hold.
/// </summary>
public sealed class CompactionHolds
{
    private readonly Lock _lock = new(); // protects _holds and _waiters
    private readonly SortedDictionary<long, HashSet<CompactionHold>> _holds = [];
    private readonly List<(long Below, TaskCompletionSource Freed)> _waiters = [];

    /// <summary>Holds everything that a read at <paramref name="revision"/> needs until disposed.</summary>
    public CompactionHold Acquire(long revision)
    {
        var hold = new CompactionHold(this, revision);
        lock (_lock)
        {
            if (!_holds.TryGetValue(revision, out var same))
            {
                _holds.Add(revision, same = []);
            }

            same.Add(hold);
        }

        return hold;
    }

    /// <summary>
    /// Completes when no hold below <paramref name="revision"/> is left, or when <paramref name="limit"/> has passed, since the call and since any of them
    /// last made progress: a reader that is slower fails.
    /// </summary>
    public async Task WaitBelow(long revision, TimeSpan limit, TimeProvider time)
    {
        var start = time.GetTimestamp();
        var freed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            if (!Below(revision).Any())
            {
                return;
            }

            _waiters.Add((revision, freed));
        }

        while (!freed.Task.IsCompleted)
        {
            var left = limit - time.GetElapsedTime(Math.Max(start, LastProgress(revision)));
            if (left <= TimeSpan.Zero)
            {
                break;
            }

            await Task.WhenAny(freed.Task, Task.Delay(left, time));
        }

        lock (_lock)
        {
            _waiters.RemoveAll(waiter => waiter.Freed == freed);
        }
    }

    /// <summary>Called once by each hold.</summary>
    internal void Free(CompactionHold hold)
    {
        lock (_lock)
        {
            var same = _holds[hold.Revision];
            same.Remove(hold);
            if (same.Count > 0)
            {
                return;
            }

            _holds.Remove(hold.Revision);
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
            return Below(below).Select(hold => hold.LastProgress).DefaultIfEmpty(long.MinValue).Max();
        }
    }

    private IEnumerable<CompactionHold> Below(long revision) => _holds.TakeWhile(entry => entry.Key < revision).SelectMany(entry => entry.Value);
}
