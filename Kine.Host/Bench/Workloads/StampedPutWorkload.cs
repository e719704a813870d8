using System.Diagnostics;
using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Puts whose values say when they were sent.</summary>
internal sealed class StampedPutWorkload(BenchKeys keys, int keyCount, ValueSource values, long round)
    : Workload<PutRequest, PutResponse>((channel, request) => channel.Kv.PutAsync(request))
{
    private long _lastRevision;

    /// <summary>The highest revision a put was answered with.</summary>
    public long LastRevision => Volatile.Read(ref _lastRevision);

    public override PutRequest Request(BenchClient client)
    {
        var key = keys.Key(client.Random.NextInt64(keyCount));
        return new PutRequest { Key = key, Value = values.Take(client.Random, new WatchStamp(round, Stopwatch.GetTimestamp())) };
    }

    public override string? Check(BenchClient client, PutResponse reply)
    {
        var revision = reply.Header?.Revision ?? 0;
        for (var seen = LastRevision; revision > seen; seen = LastRevision)
            Interlocked.CompareExchange(ref _lastRevision, revision, seen);

        return revision > 0 ? null : "no revision";
    }
}
