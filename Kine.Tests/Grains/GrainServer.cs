using System.Text;
using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Grains.Writing;
using Microsoft.Extensions.DependencyInjection;

namespace Kine.Tests.Grains;

/// <summary>Store, grains and keyspace without gRPC.</summary>
internal sealed class GrainServer : IAsyncDisposable
{
    private readonly GrainHost _host;

    private GrainServer(GrainHost host) => _host = host;

    public IEtcdApi Api => _host.Api;

    public ProcessState Process => _host.Services.GetRequiredService<ProcessState>();

    public static async Task<GrainServer> Start(IRevisionStore store, WriterOptions? options = null, TimeProvider? time = null, ProofClock? clock = null) =>
        new(await GrainHost.Start(store, options, time: time, clock: clock));

    public Task<PutResponse> Put(string key, string value, long lease = 0) =>
        Api.Put(new PutRequest { Key = Bytes(key), Value = Bytes(value), Lease = lease }, CancellationToken.None);

    public async Task<long> Delete(string key, string end = "") =>
        (await Api.DeleteRange(new DeleteRangeRequest { Key = Bytes(key), RangeEnd = Bytes(end) }, CancellationToken.None)).Deleted;

    public async Task<(List<KeyValue> Pairs, RangeReply Reply)> Range(RangeRequest request)
    {
        using var reply = await Api.Range(request, CancellationToken.None);
        List<KeyValue> pairs = [.. reply.First.Select(pair => KeyValue.Parser.ParseFrom(pair.Span))];
        if (reply.Rest is not null)
        {
            await foreach (var piece in reply.Rest)
            {
                pairs.AddRange(piece.Select(pair => KeyValue.Parser.ParseFrom(pair.Span)));
            }
        }

        var length = pairs.Sum(pair => KeyValueWire.FieldLength(pair.CalculateSize()));
        Assert.Equal(length, reply.KvsLength);
        return (pairs, reply);
    }

    public async Task<string?> Get(string key, long revision = 0)
    {
        (var pairs, _) = await Range(new RangeRequest { Key = Bytes(key), Revision = revision });
        return pairs.Count == 0 ? null : pairs[0].Value.ToStringUtf8();
    }

    public static ByteString Bytes(string text) => ByteString.CopyFrom(Encoding.UTF8.GetBytes(text));

    public ValueTask DisposeAsync() => _host.DisposeAsync();
}
