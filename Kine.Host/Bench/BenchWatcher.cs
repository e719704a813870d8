using System.Diagnostics;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench;

/// <summary>One watch on all keys of a run, and what it saw in the current round.</summary>
internal sealed class BenchWatcher
{
    private readonly EtcdStream _stream;
    private readonly Lock _gate = new();
    private long _round;
    private long _seen;
    private long _disorder;
    private long _lastRevision;
    private string? _failure;
    private long _awaitedRevision = long.MaxValue;
    private TaskCompletionSource _reached = new();

    private BenchWatcher(EtcdStream stream) => _stream = stream;

    public LatencyHistogram Latencies { get; private set; } = new();

    /// <exception cref="GrpcException">The watch was refused.</exception>
    public static async Task<BenchWatcher> Open(EtcdChannel channel, KeySpace keys, CancellationToken cancellationToken)
    {
        var options = new CallOptions { Metadata = [new("hasleader", "true")] };
        var stream = await channel.Duplex(EtcdMethods.Watch, options, cancellationToken);
        var create = new WatchCreateRequest { Key = ByteString.CopyFrom(keys.Directory), RangeEnd = ByteString.CopyFrom(keys.End()) };
        await stream.Write(new WatchRequest { CreateRequest = create }.ToByteArray(), cancellationToken);
        var reply = await stream.Read(cancellationToken);
        if (reply is null || WatchResponse.Parser.ParseFrom(reply) is not { Created: true, Canceled: false })
        {
            throw new BenchException("the server did not create the watch");
        }

        var watcher = new BenchWatcher(stream);
        _ = watcher.ReadAll();
        return watcher;
    }

    /// <summary>Starts to count for a round.</summary>
    public void Begin(long round)
    {
        lock (_gate)
        {
            _round = round;
            _seen = 0;
            _disorder = 0;
            Latencies = new LatencyHistogram();
            _awaitedRevision = long.MaxValue;
            _reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Completes when the watch came to a revision, or broke.</summary>
    public Task Reached(long revision)
    {
        lock (_gate)
        {
            _awaitedRevision = revision;
            if (_lastRevision >= revision || _failure is not null)
            {
                _reached.TrySetResult();
            }

            return _reached.Task;
        }
    }

    /// <summary>What went wrong in the round.</summary>
    /// <param name="written">Writes that were acknowledged.</param>
    /// <param name="exact">False if some writes have an unknown outcome, so that more events than acknowledged writes are right.</param>
    public IEnumerable<KeyValuePair<string, long>> Faults(long written, bool exact)
    {
        lock (_gate)
        {
            var faults = new List<KeyValuePair<string, long>>();
            if (_failure is not null)
            {
                faults.Add(new(_failure, 1));
            }

            if (_seen < written)
            {
                faults.Add(new("event missing", written - _seen));
            }

            if (_seen > written && exact)
            {
                faults.Add(new("event too many", _seen - written));
            }

            if (_disorder > 0)
            {
                faults.Add(new("event out of order", _disorder));
            }

            return faults;
        }
    }

    private async Task ReadAll()
    {
        string failure;
        try
        {
            while (await _stream.Read() is { } reply)
            {
                Count(reply);
            }

            failure = "watch ended";
        }
        catch (GrpcException ended)
        {
            failure = ended.Message;
        }
        catch (InvalidDataException malformed)
        {
            failure = malformed.Message;
        }

        lock (_gate)
        {
            _failure = failure;
            _reached.TrySetResult();
        }
    }

    private void Count(ReadOnlySpan<byte> reply)
    {
        var now = Stopwatch.GetTimestamp();
        var reader = new ProtoReader(reply);
        lock (_gate)
        {
            while (reader.Next())
            {
                if (reader.Field == 11)
                {
                    CountEvent(reader.Bytes, now);
                }
            }

            if (_lastRevision >= _awaitedRevision)
            {
                _reached.TrySetResult();
            }
        }
    }

    // Event: kv=2; KeyValue: mod_revision=3, value=5.
    private void CountEvent(ReadOnlySpan<byte> message, long now)
    {
        var reader = new ProtoReader(message);
        while (reader.Next())
        {
            if (reader.Field != 2)
            {
                continue;
            }

            long revision = 0;
            WatchStamp stamp = default;
            var kv = new ProtoReader(reader.Bytes);
            while (kv.Next())
            {
                if (kv.Field == 3)
                {
                    revision = kv.Number;
                }
                else if (kv.Field == 5)
                {
                    stamp = WatchStamp.Read(kv.Bytes);
                }
            }

            if (revision <= _lastRevision)
            {
                _disorder++;
            }

            _lastRevision = revision;
            if (stamp.Round != _round)
            {
                continue;
            }

            _seen++;
            Latencies.Record(Stopwatch.GetElapsedTime(stamp.Timestamp, now).Ticks * TimeSpan.NanosecondsPerTick);
        }
    }
}
