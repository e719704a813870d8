using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Gets random keys.</summary>
internal sealed class GetWorkload(BenchKeys keys, int keyCount, bool serializable) : RangeWorkload
{
    public override RangeRequest Request(BenchClient client) =>
        new() { Key = keys.Key(client.Random.NextInt64(keyCount)), Limit = 1, Serializable = serializable };

    public override string? Check(BenchClient client, RangeResponse reply) => reply.Kvs.Count == 1 ? null : "key missing";
}
