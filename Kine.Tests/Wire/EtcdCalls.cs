using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Kine.Etcd;
using Kine.Host.Client;

namespace Kine.Tests.Wire;

/// <summary>The calls that most tests make, by name.</summary>
internal static class EtcdCalls
{
    public static Task<RangeResponse> Range(this EtcdChannel channel, RangeRequest request, CancellationToken cancellation = default)
        => channel.Kv.RangeAsync(request, cancellationToken: cancellation).ResponseAsync;

    /// <summary>The current value of one key; null when there is none.</summary>
    public static async Task<KeyValue?> Get(this EtcdChannel channel, string key, CancellationToken cancellation = default)
        => (await channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellation)).Kvs.SingleOrDefault();

    public static Task<PutResponse> Put(this EtcdChannel channel, string key, string value, long lease = 0, CancellationToken cancellation = default)
        => channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value), Lease = lease }, cancellation);

    public static Task<PutResponse> Put(this EtcdChannel channel, PutRequest request, CancellationToken cancellation = default)
        => channel.Kv.PutAsync(request, cancellationToken: cancellation).ResponseAsync;

    public static Task<DeleteRangeResponse> Delete(this EtcdChannel channel, string key)
        => channel.Delete(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) });

    public static Task<DeleteRangeResponse> Delete(this EtcdChannel channel, DeleteRangeRequest request) => channel.Kv.DeleteRangeAsync(request).ResponseAsync;

    public static Task<TxnResponse> Txn(this EtcdChannel channel, TxnRequest request, CancellationToken cancellation = default)
        => channel.Kv.TxnAsync(request, cancellationToken: cancellation).ResponseAsync;

    public static Task<CompactionResponse> Compact(this EtcdChannel channel, long revision, bool physical = true)
        => channel.Kv.CompactAsync(new CompactionRequest { Revision = revision, Physical = physical }).ResponseAsync;

    public static Task<HashKVResponse> HashKV(this EtcdChannel channel, long revision = 0)
        => channel.Maintenance.HashKVAsync(new HashKVRequest { Revision = revision }).ResponseAsync;

    /// <summary>On a connection of its own: no command of the program asks for the members.</summary>
    public static async Task<MemberListResponse> MemberList(this EtcdChannel channel)
    {
        using var own = GrpcChannel.ForAddress(channel.Endpoint.Address);
        return await new Etcd.Cluster.ClusterClient(own).MemberListAsync(new MemberListRequest());
    }

    /// <summary>Opens a watch on one key or range, and takes its "created" reply.</summary>
    public static Task<WatchCall> Watch(this EtcdChannel channel, WatchCreateRequest create, CancellationToken cancellation = default)
        => channel.Watch.Open(create, cancellation);

    /// <summary>Opens a watch on one key or range, and takes its "created" reply.</summary>
    public static async Task<WatchCall> Open(this Etcd.Watch.WatchClient client, WatchCreateRequest create, CancellationToken cancellation = default)
    {
        var call = client.Watch();
        await call.Write(new WatchRequest { CreateRequest = create }, cancellation);
        var created = await call.Read(cancellation);
        if (created is not { Created: true, Canceled: false })
            throw new InvalidOperationException($"the watch was not created: {created}");

        return call;
    }

    public static Task Write<TRequest, TReply>(this AsyncDuplexStreamingCall<TRequest, TReply> call, TRequest message, CancellationToken cancellation = default)
        => call.RequestStream.WriteAsync(message, cancellation);

    /// <summary>The next reply; null when the server ended the call with OK.</summary>
    public static async Task<TReply?> Read<TRequest, TReply>(this AsyncDuplexStreamingCall<TRequest, TReply> call, CancellationToken cancellation = default)
        where TReply : class
        => await call.ResponseStream.MoveNext(cancellation) ? call.ResponseStream.Current : null;

    /// <summary>True when no status came: the connection broke, or there was none.</summary>
    public static bool IsTransport(this RpcException failure) => failure.Status.DebugException is not null;
}
