using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Pages as a kube-apiserver asks for them, each going on behind a random key (key + '\0').</summary>
internal sealed class ListWorkload(BenchKeys keys, int keyCount, int limit, bool serializable) : RangeWorkload
{
    public override RangeRequest Request(BenchClient client)
    {
        // Only where a whole page is left, so that all pages are the same work.
        client.KeyNumber = client.Random.NextInt64(Math.Max(1, keyCount - limit));
        return new RangeRequest { Key = keys.Behind(client.KeyNumber), RangeEnd = keys.End, Limit = limit, Serializable = serializable };
    }

    public override string? Check(BenchClient client, RangeResponse reply) =>
        reply.Kvs.Count >= Math.Min(limit, keyCount - 1 - client.KeyNumber) ? null : "short page";
}
