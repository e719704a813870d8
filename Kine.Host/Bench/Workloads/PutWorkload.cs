using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Plain puts on random keys, or on all keys in turn.</summary>
internal sealed class PutWorkload(KeySpace keys, int keyCount, bool inTurn, ValueSource values) : Workload
{
    private long _next = -1;

    public override string Path => EtcdMethods.Put;

    public override bool TryEncode(BenchClient client)
    {
        var number = inTurn ? KeySpace.Scattered(Interlocked.Increment(ref _next), keyCount) : client.Random.Below(keyCount);
        Requests.Put(client.Request, keys, number, values.Take(client.Random.Next()));
        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply) => reply.IsEmpty ? "empty reply" : null;
}
