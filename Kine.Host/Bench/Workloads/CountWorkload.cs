using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>Counts all keys of the run.</summary>
internal sealed class CountWorkload(KeySpace keys, int keyCount, bool serializable) : Workload
{
    private readonly byte[] _end = keys.End();

    public override string Path => EtcdMethods.Range;

    public override bool TryEncode(BenchClient client)
    {
        client.Request.BytesField(1, keys.Directory);
        client.Request.BytesField(2, _end);
        if (serializable)
        {
            client.Request.NumberField(7, 1);
        }

        client.Request.NumberField(9, 1);
        return true;
    }

    public override string? Check(BenchClient client, ReadOnlySpan<byte> reply) =>
        RangeReply.Read(reply).Count >= keyCount ? null : "count too low";
}
