using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Creates keys that were never there, as a kube-apiserver does.</summary>
internal sealed class CreateWorkload(KeySpace keys, ValueSource values) : Workload
{
    private long _next = -1;

    public override string Path => EtcdMethods.Txn;

    public override bool TryEncode(BenchClient client)
    {
        var number = Interlocked.Increment(ref _next);
        Requests.CompareModRevision(client.Request, keys, number, 0);
        Requests.PutOperation(client.Request, keys, number, values.Take(client.Random.Next()));
        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply) =>
        TxnReply.Read(reply).Succeeded ? null : "key exists";
}
