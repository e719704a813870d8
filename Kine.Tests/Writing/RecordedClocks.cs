using System.Collections.Concurrent;
using Kine.Grains.Writing;

namespace Kine.Tests.Writing;

/// <summary>What a writer said about its leases' clocks.</summary>
internal sealed class RecordedClocks : ILeaseClocks
{
    public ConcurrentQueue<string> Said { get; } = [];

    public void Start(long lease, long ttl) => Said.Enqueue($"start {lease} for {ttl}");

    public void Stop(long lease) => Said.Enqueue($"stop {lease}");
}
