using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Writes all keys once, many in a transaction.</summary>
internal sealed class LoadWorkload(BenchKeys keys, int keyCount, ValueSource values, int valueSize) : TxnWorkload
{
    private const int LargestBatch = 100; // etcd allows 128 operations
    private const int LargestRequest = 1_000_000; // bytes; etcd allows 1.5 MiB
    private const int Framing = 32; // bytes of tags and lengths around one put, at most

    private readonly int _batch = Math.Clamp(LargestRequest / (keys.KeySize + valueSize + Framing), 1, LargestBatch);
    private long _next;

    public long Batches => (keyCount + _batch - 1) / _batch;

    public override TxnRequest? Request(BenchClient client)
    {
        var first = Interlocked.Add(ref _next, _batch) - _batch;
        if (first >= keyCount)
            return null;

        var request = new TxnRequest();
        for (var place = first; place < Math.Min(first + _batch, keyCount); place++)
            request.Success.Add(Put(keys.Key(BenchKeys.Scattered(place, keyCount)), values.Take(client.Random)));

        return request;
    }

    public override string? Check(BenchClient client, TxnResponse reply) => reply.Succeeded ? null : "not written";
}
