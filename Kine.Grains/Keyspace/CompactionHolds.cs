namespace Kine.Grains.Keyspace;

/// <summary>
/// Keeps compaction from deleting what a longer read still needs. A reader acquires a hold at its revision and only then looks at the compaction mark;
/// compaction publishes its mark and only then waits for the holds below it. So either the reader sees the mark, or compaction sees the hold.
/// </summary>
public sealed class CompactionHolds
{
    private readonly Lock _lock = new(); // protects _holds and _waiters
    private readonly SortedDictionary<long, int> _holds = [];
    private readonly List<(long Below, TaskCompletionSource Freed)> _waiters = [];

    /// <summary>Holds everything that a read at <paramref name="revision"/> needs until disposed.</summary>
    public IDisposable Acquire(long revision)
    {
        lock (_lock)
        {
            _holds[revision] = _holds.GetValueOrDefault(revision) + 1;
        }

        return new Hold(this, revision);
    }

    /// <summary>Completes when no hold below <paramref name="revision"/> is left, or when <paramref name="limit"/> has passed: a reader that is slower fails.</summary>
    public async Task WaitBelow(long revision, TimeSpan limit, TimeProvider time)
    {
        Task freed;
        lock (_lock)
        {
            if (!AnyBelow(revision))
            {
                return;
            }

            var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((revision, waiter));
            freed = waiter.Task;
        }

        await Task.WhenAny(freed, Task.Delay(limit, time));
    }

    private bool AnyBelow(long revision)
    {
        foreach (long held in _holds.Keys)
        {
            return held < revision;
        }

        return false;
    }

    private void Free(long revision)
    {
        lock (_lock)
        {
            int left = _holds[revision] - 1;
            if (left > 0)
            {
                _holds[revision] = left;
                return;
            }

            _holds.Remove(revision);
            for (int i = _waiters.Count - 1; i >= 0; i--)
            {
                if (!AnyBelow(_waiters[i].Below))
                {
                    _waiters[i].Freed.TrySetResult();
                    _waiters.RemoveAt(i);
                }
            }
        }
    }

    private sealed class Hold(CompactionHolds owner, long revision) : IDisposable
    {
        private int _freed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _freed, 1) == 0)
            {
                owner.Free(revision);
            }
        }
    }
}
