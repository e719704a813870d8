using System.Collections.Concurrent;

namespace Kine.Tests.Runtime;

/// <summary>What probe grains did, and the gates they wait at. One for all silos of a test.</summary>
public sealed class ProbeLog
{
    private readonly ConcurrentQueue<string> _entries = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource<int>> _gates = new();

    /// <summary>Activations that fail from now on.</summary>
    public int FailActivations;

    public IReadOnlyList<string> Entries => [.. _entries];

    public void Add(string entry) => _entries.Enqueue(entry);

    public Task<int> Gate(string name) => GateOf(name).Task;

    public void Open(string name, int value = 0) => GateOf(name).TrySetResult(value);

    public int CountOf(string entry) => _entries.Count(e => e == entry);

    /// <summary>Waits until the entry has been written that many times.</summary>
    public async Task Until(string entry, int times = 1)
    {
        var deadline = DateTime.UtcNow.AddSeconds(10);
        while (CountOf(entry) < times)
        {
            if (DateTime.UtcNow > deadline)
                throw new TimeoutException($"'{entry}' did not come {times} times: {string.Join(", ", _entries)}");

            await Task.Delay(2);
        }
    }

    private TaskCompletionSource<int> GateOf(string name) => _gates.GetOrAdd(name, static _ => new TaskCompletionSource<int>());
}
