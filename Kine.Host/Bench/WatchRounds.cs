using System.Diagnostics;
using Kine.Host.Bench.Workloads;

namespace Kine.Host.Bench;

/// <summary>Watchers that stay open over all rounds, and writers at a steady rate. An operation is one event that reached one watcher.</summary>
internal sealed class WatchRounds(BenchTarget target, BenchOptions options)
{
    private const double DefaultRate = 1000; // writes a second
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    private readonly List<BenchWatcher> _watchers = [];
    private long _round = options.Seed << 16;

    /// <exception cref="Grpc.Core.RpcException">The watches cannot be opened.</exception>
    public async Task Open(CancellationToken cancellationToken)
    {
        if (options.ValueSize < WatchStamp.Size)
            throw new BenchException($"watch needs --value-size of at least {WatchStamp.Size}");

        for (var index = 0; index < options.Clients; index++)
            _watchers.Add(await BenchWatcher.Open(target.ChannelOf(index), target.Keys, cancellationToken));
    }

    public async Task Run(Func<double, int, RoundLimits> limits, RoundResult result)
    {
        var round = ++_round;
        foreach (var watcher in _watchers)
            watcher.Begin(round, result);

        var workload = new StampedPutWorkload(target.Keys, options.Keys, new ValueSource(options.ValueSize, options.Seed), round);
        var writers = Enumerable.Range(0, options.Writers).Select(index => new BenchClient(index, target.ChannelOfWriter(index), options.Seed)).ToArray();
        var pace = limits(options.Rate > 0 ? options.Rate : DefaultRate, writers.Length);
        var writes = new RoundResult();
        await Task.WhenAll([.. writers.Select(writer => writer.Run(workload, pace, writes))]);

        result.AddErrors(writes.Errors);
        var settling = Stopwatch.StartNew();
        while (settling.Elapsed < LongestWait && !_watchers.TrueForAll(watcher => watcher.WaitFor(workload.LastRevision)))
            await Task.Delay(Look);

        _watchers.ForEach(watcher => watcher.AddFaults(writes.Operations, exact: writes.ErrorCount == 0));
    }
}
