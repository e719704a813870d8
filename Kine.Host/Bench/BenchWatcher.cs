using System.Diagnostics;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>One watch on all keys of a run, and what it saw in the current round.</summary>
internal sealed class BenchWatcher
{
    private readonly AsyncDuplexStreamingCall<WatchRequest, WatchResponse> _call;
    private readonly Lock _gate = new();
    private RoundResult _result = new();
    private long _round;
    private long _seen;
    private long _disorder;
    private long _lastRevision;
    private string? _failure;

    private BenchWatcher(AsyncDuplexStreamingCall<WatchRequest, WatchResponse> call) => _call = call;

    /// <exception cref="RpcException">The watch was refused.</exception>
    public static async Task<BenchWatcher> Open(EtcdChannel channel, BenchKeys keys, CancellationToken cancellationToken)
    {
        var call = channel.Watch.Watch(new Metadata { { "hasleader", "true" } }, cancellationToken: CancellationToken.None);
        var create = new WatchCreateRequest { Key = keys.Directory, RangeEnd = keys.End };
        await call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = create }, cancellationToken);
        if (!await call.ResponseStream.MoveNext(cancellationToken) || call.ResponseStream.Current is not { Created: true, Canceled: false })
            throw new BenchException("the server did not create the watch");

        var watcher = new BenchWatcher(call);
        _ = watcher.ReadAll();
        return watcher;
    }

    /// <summary>Starts to count for a round.</summary>
    public void Begin(long round, RoundResult result)
    {
        lock (_gate)
        {
            _round = round;
            _seen = 0;
            _disorder = 0;
            _result = result;
        }
    }

    /// <summary>True when the watch came to a revision, or broke.</summary>
    public bool WaitFor(long revision)
    {
        lock (_gate)
        {
            return _lastRevision >= revision || _failure is not null;
        }
    }

    /// <summary>Adds what went wrong in the round to its result.</summary>
    /// <param name="written">Writes that were acknowledged.</param>
    /// <param name="exact">False if some writes have an unknown outcome, so that more events than acknowledged writes are right.</param>
    public void AddFaults(long written, bool exact)
    {
        lock (_gate)
        {
            (string Fault, long Count)[] faults =
            [
                (_failure ?? "", _failure is null ? 0 : 1), ("event missing", written - _seen), ("event too many", exact ? _seen - written : 0),
                ("event out of order", _disorder),
            ];
            foreach (var (fault, count) in faults.Where(fault => fault.Count > 0))
                _result.AddError(fault, count);
        }
    }

    // Until the target's channels are closed.
    private async Task ReadAll()
    {
        string failure;
        try
        {
            while (await _call.ResponseStream.MoveNext(CancellationToken.None))
                Count(_call.ResponseStream.Current);

            failure = "watch ended";
        }
        catch (RpcException ended)
        {
            failure = ended.Describe();
        }
        catch (OperationCanceledException)
        {
            failure = "watch closed";
        }

        lock (_gate)
        {
            _failure = failure;
        }
    }

    private void Count(WatchResponse reply)
    {
        var now = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            foreach (var change in reply.Events)
                Count(change.Kv, now);
        }
    }

    private void Count(KeyValue pair, long now)
    {
        if (pair.ModRevision <= _lastRevision)
            _disorder++;

        _lastRevision = pair.ModRevision;
        var stamp = WatchStamp.Read(pair.Value.Span);
        if (stamp.Round == _round)
        {
            _seen++;
            _result.Latencies.Record(Stopwatch.GetElapsedTime(stamp.Timestamp, now));
        }
    }
}
