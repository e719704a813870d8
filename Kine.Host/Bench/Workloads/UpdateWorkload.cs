using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>
/// Updates random keys, each by the mod revision this run knows of it. Each client has keys of its own, so a compare only fails when
/// somebody else writes here; then the revision is learned from the Else branch.
/// </summary>
internal sealed class UpdateWorkload(BenchKeys keys, long[] modRevisions, int clients, ValueSource values) : TxnWorkload
{
    public override TxnRequest Request(BenchClient client)
    {
        var first = client.Index % modRevisions.Length;
        var own = (modRevisions.Length - first + clients - 1) / clients;
        var number = first + (client.Random.NextInt64(own) * clients);
        client.KeyNumber = number;
        var key = keys.Key(number);
        return new TxnRequest
        {
            Compare = { ModRevision(key, modRevisions[number]) },
            Success = { Put(key, values.Take(client.Random)) },
            Failure = { Get(key) },
        };
    }

    public override string? Check(BenchClient client, TxnResponse reply)
    {
        modRevisions[client.KeyNumber] = reply.Succeeded
            ? reply.Header.Revision
            : reply.Responses.FirstOrDefault()?.ResponseRange?.Kvs.FirstOrDefault()?.ModRevision ?? 0;
        return reply.Succeeded ? null : "key was changed";
    }
}
