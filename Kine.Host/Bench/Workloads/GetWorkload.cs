using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Gets random keys.</summary>
internal sealed class GetWorkload(KeySpace keys, int keyCount, bool serializable) : Workload
{
    public override string Path => EtcdMethods.Range;

    public override bool TryEncode(BenchClient client)
    {
        client.Request.LengthField(1, keys.KeySize);
        keys.Write(client.Request, client.Random.Below(keyCount));
        client.Request.NumberField(3, 1);
        if (serializable)
        {
            client.Request.NumberField(7, 1);
        }

        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply) => RangeReply.Read(reply).Kvs == 1 ? null : "key missing";
}
