using Kine.Etcd;
using Kine.Grains.Keyspace;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>etcd v3 API, KV.</summary>
internal static class KvService
{
    public const string Name = "etcdserverpb.KV";

    public static void Bind(MethodTable methods, IKeyspace keyspace)
    {
        methods.Add(new RangeMethod(keyspace));
        methods.Add(new ServerStreamingMethod<RangeRequest, RangeStreamResponse>(Name, "RangeStream", RangeRequest.Parser, keyspace.RangeStream));
        methods.Add(new MessageMethod<PutRequest, PutResponse>(Name, "Put", PutRequest.Parser, keyspace.Put, writes: _ => true));
        methods.Add(new MessageMethod<DeleteRangeRequest, DeleteRangeResponse>(
            Name, "DeleteRange", DeleteRangeRequest.Parser, keyspace.DeleteRange, writes: _ => true));
        methods.Add(new MessageMethod<TxnRequest, TxnResponse>(Name, "Txn", TxnRequest.Parser, keyspace.Txn, WritesSomething));
        methods.Add(new MessageMethod<CompactionRequest, CompactionResponse>(
            Name, "Compact", CompactionRequest.Parser, keyspace.Compact, writes: _ => true));
    }

    // etcd bounds what goes through its log; a transaction that only reads does not.
    private static bool WritesSomething(TxnRequest txn) => txn.Success.Any(WritesSomething) || txn.Failure.Any(WritesSomething);

    private static bool WritesSomething(RequestOp operation) => operation.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestPut or RequestOp.RequestOneofCase.RequestDeleteRange => true,
        RequestOp.RequestOneofCase.RequestTxn => WritesSomething(operation.RequestTxn),
        _ => false,
    };
}
