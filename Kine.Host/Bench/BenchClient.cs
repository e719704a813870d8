using System.Diagnostics;
using Grpc.Core;
using Kine.Host.Bench.Workloads;
using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>One caller: sends a request, waits for the reply, notes how long it took, goes on.</summary>
internal sealed class BenchClient(int index, EtcdChannel channel, long seed)
{
    private const int Apart = 0x632be59b;
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(20);

    /// <summary>One per client, so that a run's choices do not depend on the threads' timing.</summary>
    public Random Random { get; } = new(unchecked((int)seed + (index * Apart)));

    public int Index => index;

    public EtcdChannel Channel => channel;

    /// <summary>The key of the request under way, where the check of the reply needs it.</summary>
    public long KeyNumber { get; set; }

    public async Task Run(Workload workload, RoundLimits limits, RoundResult result)
    {
        while (limits.TryTake(index, out var due))
        {
            if (due is { } time)
                await WaitUntil(time);

            // With a rate, time counts from when the request was due: a stalled server must not slow the asking down unseen.
            var start = due ?? Stopwatch.GetTimestamp();
            try
            {
                if (workload.Call(this) is not { } call)
                    return;

                var fault = await call;
                if (fault is null)
                    result.Latencies.Record(Stopwatch.GetElapsedTime(start));
                else
                    result.AddError(fault);
            }
            catch (RpcException failure)
            {
                result.AddError(failure.Describe());

                // An unreachable server answers at once: don't spin.
                if (failure.StatusCode == StatusCode.Unavailable)
                    await Task.Delay(Breath);
            }
        }
    }

    private static async Task WaitUntil(long timestamp)
    {
        var wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), timestamp);
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait);
    }
}
