using Kine.Host.Bench.Http2;
using Kine.Host.Bench.Workloads;

namespace Kine.Host.Bench;

/// <summary>Watchers that stay open over all rounds, and writers at a steady rate. An operation is one event that reached one watcher.</summary>
internal sealed class WatchRounds(BenchTarget target, BenchOptions options)
{
    private const double DefaultRate = 1000; // writes a second
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);

    private readonly List<BenchWatcher> _watchers = [];
    private long _round = options.Seed << 16;

    /// <exception cref="GrpcException">The watches cannot be opened.</exception>
    public async Task Open(CancellationToken cancellationToken)
    {
        if (options.ValueSize < WatchStamp.Size)
        {
            throw new BenchException($"watch needs --value-size of at least {WatchStamp.Size}");
        }

        for (var index = 0; index < options.Clients; index++)
        {
            _watchers.Add(await BenchWatcher.Open(target.ChannelOf(index), target.Keys, cancellationToken));
        }
    }

    public async Task Run(Func<double, int, RoundLimits> limits, RoundResult result, Action<Func<long>, Func<LatencyHistogram>> view)
    {
        var round = ++_round;
        foreach (var watcher in _watchers)
        {
            watcher.Begin(round);
        }

        var values = new ValueSource(options.ValueSize, options.Seed);
        var workload = new StampedPutWorkload(target.Keys, options.Keys, values, options.ValueSize, round);
        var writers = new BenchClient[options.Writers];
        for (var index = 0; index < writers.Length; index++)
        {
            writers[index] = new BenchClient(index, target.ChannelOf(index), options.Seed);
        }

        var pace = limits(options.Rate > 0 ? options.Rate : DefaultRate, writers.Length);
        var running = Task.WhenAll([.. writers.Select(writer => writer.Run(workload, pace))]);
        view(() => _watchers.Sum(watcher => watcher.Latencies.Count), Merge);
        await running;

        var written = writers.Sum(writer => writer.Latencies.Count);
        foreach (var writer in writers)
        {
            result.AddErrors(writer.Errors);
        }

        await Task.WhenAny(
            Task.WhenAll([.. _watchers.Select(watcher => watcher.Reached(workload.LastRevision))]),
            Task.Delay(Settle));
        foreach (var watcher in _watchers)
        {
            result.Latencies.Add(watcher.Latencies);
            result.AddErrors(watcher.Faults(written, exact: result.Errors.Count == 0));
        }
    }

    private LatencyHistogram Merge()
    {
        var merged = new LatencyHistogram();
        foreach (var watcher in _watchers)
        {
            merged.Add(watcher.Latencies);
        }

        return merged;
    }
}
