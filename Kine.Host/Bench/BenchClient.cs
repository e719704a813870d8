using System.Diagnostics;
using Kine.Grains;
using Kine.Host.Bench.Http2;
using Kine.Host.Bench.Workloads;

namespace Kine.Host.Bench;

/// <summary>One caller: sends a request, waits for the reply, notes how long it took, goes on.</summary>
internal sealed class BenchClient(int index, EtcdChannel channel, long seed)
{
    private readonly UnaryCall _call = channel.NewCall();

    public RandomState Random = new(unchecked((ulong)seed + ((ulong)index * 0x632be59bd9b4e019)));

    public int Index => index;

    /// <summary>The request being built; cleared before each.</summary>
    public WireBuffer Request { get; } = new(1024);

    /// <summary>The key of the request under way, where the check of the reply needs it.</summary>
    public long KeyNumber { get; set; }

    /// <summary>Latencies of the current round.</summary>
    public LatencyHistogram Latencies { get; private set; } = new();

    /// <summary>Failures of the current round by gRPC code or fault.</summary>
    public Dictionary<string, long> Errors { get; private set; } = [];

    public async Task Run(Workload workload, RoundLimits limits)
    {
        Latencies = new LatencyHistogram();
        Errors = [];
        while (limits.TryTake(index, out var due))
        {
            if (due is { } time && time > Stopwatch.GetTimestamp())
            {
                await WaitUntil(time);
            }

            Request.Clear();
            if (!workload.TryEncode(this))
            {
                return;
            }

            // With a rate, time counts from when the request was due: a stalled server must not slow the asking down unseen.
            var start = due ?? Stopwatch.GetTimestamp();
            try
            {
                await _call.Send(workload.Path, Request.Memory);
                var elapsed = Stopwatch.GetElapsedTime(start);
                if (workload.Check(this, _call.Reply.Span) is { } fault)
                {
                    CountError(fault);
                }
                else
                {
                    Latencies.Record(elapsed.Ticks * TimeSpan.NanosecondsPerTick);
                }
            }
            catch (InvalidDataException malformed)
            {
                CountError(malformed.Message);
            }
            catch (GrpcException failure)
            {
                CountError(failure.Message);

                // An unreachable server answers at once: don't spin.
                if (failure.Code == StatusCode.Unavailable)
                {
                    await Task.Delay(20);
                }
            }
        }
    }

    private static async Task WaitUntil(long timestamp)
    {
        var wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), timestamp);
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait);
        }
    }

    private void CountError(string name)
    {
        lock (Errors)
        {
            Errors[name] = Errors.GetValueOrDefault(name) + 1;
        }
    }
}
