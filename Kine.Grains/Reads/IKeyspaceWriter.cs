using Kine.Etcd;

namespace Kine.Grains.Reads;

/// <summary>
/// Changes of the keyspace where the writer is in this process: from any thread, without a grain call. A caller that gives up learns no outcome; what it asked
/// for may still happen.
/// </summary>
public interface IKeyspaceWriter
{
    /// <summary>etcd v3 API, KV.Put.</summary>
    Task<PutResponse> Put(PutRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, KV.DeleteRange.</summary>
    Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, CancellationToken cancellationToken);

    /// <summary>etcd v3 API, KV.Txn. Dispose of the reply.</summary>
    Task<TxnReply> Txn(TxnRequest request, CancellationToken cancellationToken);
}
