using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>
/// Updates random keys, each by the mod revision this run knows of it. Each client has keys of its own, so a compare only fails when
/// somebody else writes here; then the revision is learned from the Else branch.
/// </summary>
internal sealed class UpdateWorkload(KeySpace keys, long[] modRevisions, int clients, ValueSource values) : Workload
{
    public override string Path => EtcdMethods.Txn;

    public override bool TryEncode(BenchClient client)
    {
        var first = client.Index % modRevisions.Length;
        var own = (modRevisions.Length - first + clients - 1) / clients;
        var number = first + (client.Random.Below(own) * clients);
        client.KeyNumber = number;
        Requests.CompareModRevision(client.Request, keys, number, modRevisions[number]);
        Requests.PutOperation(client.Request, keys, number, values.Take(client.Random.Next()));
        Requests.GetOperation(client.Request, keys, number);
        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply)
    {
        var txn = TxnReply.Read(reply);
        modRevisions[client.KeyNumber] = txn.Succeeded ? txn.Revision : txn.FoundModRevision;
        return txn.Succeeded ? null : "key was changed";
    }
}
