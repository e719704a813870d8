using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Writes all keys once, many in a transaction.</summary>
internal sealed class LoadWorkload(KeySpace keys, int keyCount, ValueSource values, int valueSize) : Workload
{
    private const int LargestBatch = 100; // etcd allows 128 operations
    private const int LargestRequest = 1_000_000; // bytes; etcd allows 1.5 MiB

    private readonly int _batch = Math.Clamp(LargestRequest / (Requests.PutSize(keys, valueSize) + 16), 1, LargestBatch);
    private long _next;

    public long Batches => (keyCount + _batch - 1) / _batch;

    public override string Path => EtcdMethods.Txn;

    public override bool TryEncode(BenchClient client)
    {
        var first = Interlocked.Add(ref _next, _batch) - _batch;
        var end = Math.Min(first + _batch, keyCount);
        for (var place = first; place < end; place++)
        {
            Requests.PutOperation(client.Request, keys, KeySpace.Scattered(place, keyCount), values.Take(client.Random.Next()));
        }

        return first < keyCount;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply) => TxnReply.Read(reply).Succeeded ? null : "not written";
}
