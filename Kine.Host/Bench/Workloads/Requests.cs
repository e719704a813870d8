using Kine.Host.Bench.Http2;

namespace Kine.Host.Bench.Workloads;

/// <summary>The wire form of the hot requests (etcd v3 API, KV service).</summary>
internal static class Requests
{
    private const int CompareTargetMod = 2;

    /// <summary>Body of a PutRequest: key=1, value=2.</summary>
    public static void Put(WireBuffer target, KeySpace keys, long number, ReadOnlySpan<byte> value)
    {
        target.LengthField(1, keys.KeySize);
        keys.Write(target, number);
        target.BytesField(2, value);
    }

    /// <summary>Size of what <see cref="Put"/> writes.</summary>
    public static int PutSize(KeySpace keys, int valueSize) =>
        ProtoWriter.LengthFieldSize(keys.KeySize) + ProtoWriter.LengthFieldSize(valueSize);

    /// <summary>A RequestOp with a put, as an entry of TxnRequest.success.</summary>
    public static void PutOperation(WireBuffer target, KeySpace keys, long number, ReadOnlySpan<byte> value)
    {
        var size = PutSize(keys, value.Length);
        target.LengthField(2, ProtoWriter.LengthFieldSize(size));
        target.LengthField(2, size);
        Put(target, keys, number, value);
    }

    /// <summary>A RequestOp with a range of one key, as an entry of TxnRequest.failure.</summary>
    public static void GetOperation(WireBuffer target, KeySpace keys, long number)
    {
        var size = ProtoWriter.LengthFieldSize(keys.KeySize);
        target.LengthField(3, ProtoWriter.LengthFieldSize(size));
        target.LengthField(1, size);
        target.LengthField(1, keys.KeySize);
        keys.Write(target, number);
    }

    /// <summary>TxnRequest.compare: mod revision of a key equals; result EQUAL is 0 and stays unwritten.</summary>
    public static void CompareModRevision(WireBuffer target, KeySpace keys, long number, long revision)
    {
        target.LengthField(1, 2 + ProtoWriter.LengthFieldSize(keys.KeySize) + 1 + ProtoWriter.VarintSize((ulong)revision));
        target.NumberField(2, CompareTargetMod);
        target.LengthField(3, keys.KeySize);
        keys.Write(target, number);
        target.NumberField(6, revision);
    }
}
