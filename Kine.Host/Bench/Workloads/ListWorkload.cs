using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Pages as a kube-apiserver asks for them, each going on behind a random key (key + '\0').</summary>
internal sealed class ListWorkload(KeySpace keys, int keyCount, int limit, bool serializable) : Workload
{
    private readonly byte[] _end = keys.End();

    public override string Path => EtcdMethods.Range;

    public override bool TryEncode(BenchClient client)
    {
        // Only where a whole page is left, so that all pages are the same work.
        client.KeyNumber = client.Random.Below(Math.Max(1, keyCount - limit));
        client.Request.LengthField(1, keys.KeySize + 1);
        keys.Write(client.Request, client.KeyNumber);
        client.Request.WriteByte(0);
        client.Request.BytesField(2, _end);
        client.Request.NumberField(3, limit);
        if (serializable)
        {
            client.Request.NumberField(7, 1);
        }

        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply) =>
        RangeReply.Read(reply).Kvs >= Math.Min(limit, keyCount - 1 - client.KeyNumber) ? null : "short page";
}
