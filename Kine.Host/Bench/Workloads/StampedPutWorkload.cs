using System.Diagnostics;
using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Puts whose values say when they were sent.</summary>
internal sealed class StampedPutWorkload(KeySpace keys, int keyCount, ValueSource values, int valueSize, long round) : Workload
{
    private long _lastRevision;

    /// <summary>The highest revision a put was answered with.</summary>
    public long LastRevision => Volatile.Read(ref _lastRevision);

    public override string Path => EtcdMethods.Put;

    public override bool TryEncode(BenchClient client)
    {
        Requests.Put(client.Request, keys, client.Random.Below(keyCount), values.Take(client.Random.Next()));
        new WatchStamp(round, Stopwatch.GetTimestamp()).Write(client.Request.At(client.Request.Length - valueSize, WatchStamp.Size));
        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply)
    {
        // PutResponse: header=1 with the revision=3, as in a TxnResponse.
        var revision = TxnReply.Read(reply).Revision;
        for (var seen = LastRevision; revision > seen; seen = LastRevision)
        {
            Interlocked.CompareExchange(ref _lastRevision, revision, seen);
        }

        return revision > 0 ? null : "no revision";
    }
}
