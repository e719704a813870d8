using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>
/// Creates of new keys at a steady pace, as clients make them that know all processes: a create whose answer is Unavailable goes to the next one, and one that finds its
/// own value there was made before its answer was lost.
/// </summary>
internal sealed class SteadyCreates(string[] endpoints, double perSecond)
{
    private const string Directory = "/registry/created/";

    private readonly ConcurrentDictionary<string, bool> _made = new();
    private long _retried;
    private long _failed;
    private long _longest;

    public static RangeRequest Everything => new() { Key = ByteString.CopyFromUtf8(Directory), RangeEnd = ByteString.CopyFromUtf8("/registry/created0") };

    public int Made => _made.Count;

    public long Retried => Volatile.Read(ref _retried);

    public long Failed => Volatile.Read(ref _failed);

    /// <summary>The longest time that one took, with all its tries.</summary>
    public TimeSpan Longest => TimeSpan.FromTicks(Volatile.Read(ref _longest));

    /// <summary>Why those failed that were not tried again.</summary>
    public CallErrors Errors { get; } = new();

    /// <summary>Goes on until it is told to stop, then waits until each is made or given up.</summary>
    public async Task Run(CancellationToken stop)
    {
        var channels = endpoints.Select(endpoint => new EtcdChannel(endpoint)).ToArray();
        await SteadyPace.Run(perSecond, number => Create(channels, number), stop);
        Array.ForEach(channels, channel => channel.Dispose());
    }

    /// <summary>Counts the keys that were made and are not there as they were made, and those that were written more than once.</summary>
    public (int Lost, int Doubled) Check(IReadOnlyCollection<KeyValue> pairs)
    {
        var there = pairs.Where(pair => pair.Value.ToStringUtf8() == ValueOf(pair.Key.ToStringUtf8())).Select(pair => pair.Key.ToStringUtf8()).ToHashSet();
        return (_made.Keys.Count(key => !there.Contains(key)), pairs.Count(pair => pair.Version != 1));
    }

    private static string ValueOf(string key) => $"value of {key}";

    private static TxnRequest Request(string key)
    {
        var (name, value) = (ByteString.CopyFromUtf8(key), ByteString.CopyFromUtf8(ValueOf(key)));
        return new TxnRequest
        {
            Compare = { new Compare { Key = name, Target = Compare.Types.CompareTarget.Mod, Result = Compare.Types.CompareResult.Equal, ModRevision = 0 } },
            Success = { new RequestOp { RequestPut = new PutRequest { Key = name, Value = value } } },
            Failure = { new RequestOp { RequestRange = new RangeRequest { Key = name } } },
        };
    }

    private async Task Create(EtcdChannel[] channels, long number)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{Directory}{number:000000000}");
        var start = Stopwatch.GetTimestamp();
        try
        {
            var reply = await RetriedCall.Run(before =>
            {
                if (before > 0)
                    Interlocked.Increment(ref _retried);

                return channels[(number + before) % channels.Length].Txn(Request(key));
            });
            if (!reply.Succeeded && reply.Responses[0].ResponseRange.Kvs.SingleOrDefault()?.Value.ToStringUtf8() != ValueOf(key))
                throw new InvalidOperationException("the key is there with another value");

            _made[key] = true;
        }
        catch (Exception error) when (error is RpcException or InvalidOperationException)
        {
            Interlocked.Increment(ref _failed);
            Errors.Add(error);
        }

        var time = Stopwatch.GetElapsedTime(start).Ticks;
        for (var longest = Volatile.Read(ref _longest); time > longest; longest = Volatile.Read(ref _longest))
            Interlocked.CompareExchange(ref _longest, time, longest);
    }
}
