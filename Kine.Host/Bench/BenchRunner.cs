using System.Diagnostics;
using Kine.Host.Bench.Workloads;
using Kine.Host.Cli;

namespace Kine.Host.Bench;

/// <summary>Prepares the servers and runs the rounds: A, B, A, B, ... so that both meet the same moods of the machine. Prints a row after each.</summary>
internal sealed class BenchRunner(BenchOptions options, StageProgress progress, TextWriter output)
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(30);

    /// <exception cref="BenchException">A server did not answer in time, or a pid is wrong.</exception>
    public async Task<BenchReport> Run(CancellationToken cancellationToken)
    {
        var targets = new List<BenchTarget> { new("A", options.Endpoint, options.Pid, options) };
        if (options.Compare is { } other)
            targets.Add(new BenchTarget("B", other, options.ComparePid, options));

        try
        {
            var rounds = new List<RoundBody>();
            foreach (var target in targets)
                rounds.Add(await Prepare(target, cancellationToken));

            for (var index = 0; index < targets.Count && options.Warmup > TimeSpan.Zero; index++)
                await Measure(targets[index], "warm-up", options.Warmup, 0, rounds[index], cancellationToken);

            output.WriteLine(BenchText.Heading);
            var report = new BenchReport(options, [.. targets.Select(target => new TargetReport(target.Name, target.Endpoint))]);
            for (var number = 1; number <= options.Rounds && !cancellationToken.IsCancellationRequested; number++)
            {
                for (var index = 0; index < targets.Count; index++)
                {
                    var duration = options.Total > 0 || options.Mode == BenchMode.Walk ? Timeout.InfiniteTimeSpan : options.Duration;
                    var result = await Measure(targets[index], $"round {number}", duration, options.Total, rounds[index], cancellationToken);
                    report.Targets[index].Rounds.Add(result);
                    BenchText.Rows($"{targets[index].Name} round {number}", result).ToList().ForEach(output.WriteLine);
                }
            }

            return report;
        }
        finally
        {
            targets.ForEach(target => target.Dispose());
        }
    }

    private async Task<RoundBody> Prepare(BenchTarget target, CancellationToken cancellationToken)
    {
        await target.Connect(cancellationToken);
        if (options.Mode == BenchMode.Watch)
        {
            var watch = new WatchRounds(target, options);
            await watch.Open(cancellationToken);
            return watch.Run;
        }

        if (await target.Missing(cancellationToken) is { } load)
        {
            var loaded = await Measure(target, "loading", Timeout.InfiniteTimeSpan, load.Batches, Requests(target, load, rate: 0), cancellationToken);
            if (loaded.ErrorCount > 0)
                throw new BenchException($"loading {target.Endpoint} failed: {string.Join(", ", loaded.Errors.Keys)}");
        }

        var workload = await target.CreateWorkload(cancellationToken);
        return options.CompactAfter is { } delay
            ? WithCompaction(target, delay, Requests(target, workload, options.Rate))
            : Requests(target, workload, options.Rate);
    }

    private static RoundBody WithCompaction(BenchTarget target, TimeSpan delay, RoundBody body) => async (limits, result) =>
    {
        async Task Compact()
        {
            await Task.Delay(delay);
            var start = Stopwatch.GetTimestamp();
            await target.Compact();
            result.Compaction = Stopwatch.GetElapsedTime(start);
        }

        var compacting = Compact();
        await body(limits, result);
        if (!compacting.IsCompleted)
            result.AddError("compaction went on after the round");

        await compacting;
    };

    private static RoundBody Requests(BenchTarget target, Workload workload, double rate) => (limits, result) =>
    {
        var round = limits(rate, target.Clients.Length);
        return Task.WhenAll([.. target.Clients.Select(client => client.Run(workload, round, result))]);
    };

    private Task<RoundResult> Measure(BenchTarget target, string name, TimeSpan duration, long total, RoundBody body, CancellationToken cancellationToken)
    {
        var result = new RoundResult();
        var byTime = duration != Timeout.InfiniteTimeSpan;
        var start = Stopwatch.GetTimestamp();
        var (before, at) = (0L, start);
        (double, string) Look()
        {
            var (now, time) = (result.Operations, Stopwatch.GetTimestamp());
            var speed = (now - before) / Stopwatch.GetElapsedTime(at, time).TotalSeconds;
            (before, at) = (now, time);
            return (
                byTime ? Stopwatch.GetElapsedTime(start).TotalSeconds : now,
                $"{speed:N0} ops/s, {now:N0} in all, p99 {BenchText.Time(result.Latencies.Percentile(99))}");
        }

        return progress.Run($"{target.Name} {name}", byTime ? duration.TotalSeconds : total, Look, async () =>
        {
            var clientCpu = Environment.CpuUsage.TotalTime;
            var serverCpu = target.Process?.CpuTime();
            start = Stopwatch.GetTimestamp();
            try
            {
                await body((rate, callers) => new RoundLimits(duration, total, rate, callers, cancellationToken), result)
                    .WaitAsync(byTime ? duration + Grace : duration, CancellationToken.None);
            }
            catch (TimeoutException)
            {
                throw new BenchException($"{target.Endpoint} left calls unanswered for {Grace.TotalSeconds:0} s after the round");
            }

            result.Elapsed = Stopwatch.GetElapsedTime(start);
            result.ClientCpu = Environment.CpuUsage.TotalTime - clientCpu;
            result.ServerCpu = target.Process?.CpuTime() - serverCpu;
            result.ServerRss = target.Process?.ResidentBytes();
            return result;
        });
    }
}
