using Google.Protobuf;
using Kine.Etcd;

namespace Kine.Host.Bench.Workloads;

/// <summary>Transactions, and their parts as a kube-apiserver writes them.</summary>
internal abstract class TxnWorkload() : Workload<TxnRequest, TxnResponse>((channel, request) => channel.Kv.TxnAsync(request))
{
    protected static RequestOp Put(ByteString key, ByteString value) => new() { RequestPut = new PutRequest { Key = key, Value = value } };

    protected static RequestOp Get(ByteString key) => new() { RequestRange = new RangeRequest { Key = key } };

    /// <summary>The key was last changed at that revision; 0 = it is not there.</summary>
    protected static Compare ModRevision(ByteString key, long revision) => new()
    {
        Key = key,
        Target = Compare.Types.CompareTarget.Mod,
        Result = Compare.Types.CompareResult.Equal,
        ModRevision = revision,
    };
}
