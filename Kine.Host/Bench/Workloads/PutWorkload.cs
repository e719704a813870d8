using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Plain puts on random keys, or on all keys in turn.</summary>
internal sealed class PutWorkload(BenchKeys keys, int keyCount, bool inTurn, ValueSource values)
    : Workload<PutRequest, PutResponse>((channel, request) => channel.Kv.PutAsync(request))
{
    private long _next = -1;

    public override PutRequest Request(BenchClient client)
    {
        var number = inTurn ? BenchKeys.Scattered(Interlocked.Increment(ref _next), keyCount) : client.Random.NextInt64(keyCount);
        return new PutRequest { Key = keys.Key(number), Value = values.Take(client.Random) };
    }

    public override string? Check(BenchClient client, PutResponse reply) => reply.Header is null ? "empty reply" : null;
}
