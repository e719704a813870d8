using Google.Protobuf;
using Kine.Etcd;

namespace Kine.Tests.Wire;

/// <summary>The calls that most tests make, by name.</summary>
public static class EtcdCalls
{
    public static Task<RangeResponse> Range(this EtcdChannel channel, RangeRequest request, CancellationToken cancellation = default)
        => channel.Unary<RangeResponse>(EtcdMethods.Range, request, null, cancellation);

    /// <summary>The current value of one key; null when there is none.</summary>
    public static async Task<KeyValue?> Get(this EtcdChannel channel, string key, CancellationToken cancellation = default)
        => (await channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellation)).Kvs.SingleOrDefault();

    public static Task<PutResponse> Put(this EtcdChannel channel, string key, string value, long lease = 0, CancellationToken cancellation = default)
        => channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value), Lease = lease }, cancellation);

    public static Task<PutResponse> Put(this EtcdChannel channel, PutRequest request, CancellationToken cancellation = default)
        => channel.Unary<PutResponse>(EtcdMethods.Put, request, null, cancellation);

    public static Task<DeleteRangeResponse> Delete(this EtcdChannel channel, string key, CancellationToken cancellation = default)
        => channel.Delete(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellation);

    public static Task<DeleteRangeResponse> Delete(this EtcdChannel channel, DeleteRangeRequest request, CancellationToken cancellation = default)
        => channel.Unary<DeleteRangeResponse>(EtcdMethods.DeleteRange, request, null, cancellation);

    public static Task<TxnResponse> Txn(this EtcdChannel channel, TxnRequest request, CancellationToken cancellation = default)
        => channel.Unary<TxnResponse>(EtcdMethods.Txn, request, null, cancellation);

    public static Task<CompactionResponse> Compact(this EtcdChannel channel, long revision, bool physical = true)
        => channel.Unary<CompactionResponse>(EtcdMethods.Compact, new CompactionRequest { Revision = revision, Physical = physical });

    public static Task<HashKVResponse> HashKV(this EtcdChannel channel, long revision = 0)
        => channel.Unary<HashKVResponse>(EtcdMethods.HashKV, new HashKVRequest { Revision = revision });

    public static DuplexCall<WatchRequest, WatchResponse> Watch(this EtcdChannel channel, CallOptions? options = null)
        => channel.Duplex<WatchRequest, WatchResponse>(EtcdMethods.Watch, options);

    /// <summary>Opens a watch on one key or range, and takes its "created" reply.</summary>
    public static async Task<DuplexCall<WatchRequest, WatchResponse>> Watch(
        this EtcdChannel channel, WatchCreateRequest create, CancellationToken cancellation = default)
    {
        var call = channel.Watch();
        await call.Write(new WatchRequest { CreateRequest = create }, cancellation);
        var created = await call.Read(cancellation);
        if (created is not { Created: true, Canceled: false })
            throw new InvalidOperationException($"the watch was not created: {created}");

        return call;
    }
}
