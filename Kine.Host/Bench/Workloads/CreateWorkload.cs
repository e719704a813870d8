using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Creates keys that were never there, as a kube-apiserver does.</summary>
internal sealed class CreateWorkload(BenchKeys keys, ValueSource values) : TxnWorkload
{
    private long _next = -1;

    public override TxnRequest Request(BenchClient client)
    {
        var key = keys.Key(Interlocked.Increment(ref _next));
        return new TxnRequest { Compare = { ModRevision(key, 0) }, Success = { Put(key, values.Take(client.Random)) } };
    }

    public override string? Check(BenchClient client, TxnResponse reply) => reply.Succeeded ? null : "key exists";
}
