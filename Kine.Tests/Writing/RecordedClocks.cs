using System.Collections.Concurrent;
using Kine.Grains.Writing;

namespace Kine.Tests.Writing;

/// <summary>What a writer told about the runs of its leases.</summary>
internal sealed class RecordedClocks : ILeaseClocks
{
    private int _restarts;

    public ConcurrentQueue<LeaseRun> Runs { get; } = [];

    public int Restarts => Volatile.Read(ref _restarts);

    public void Restart() => Interlocked.Increment(ref _restarts);

    public void Apply(LeaseRun[] runs) => Array.ForEach(runs, Runs.Enqueue);

    public Task Watch(CancellationToken ended) => Task.CompletedTask;
}
