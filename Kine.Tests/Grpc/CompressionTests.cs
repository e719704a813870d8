using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;

namespace Kine.Tests.Grpc;

public sealed class CompressionTests
{
    private const string Range = "/etcdserverpb.KV/Range";
    private const string Put = "/etcdserverpb.KV/Put";

    private static readonly RangeRequest Request = new() { Key = ByteString.CopyFromUtf8("k") };

    [Fact]
    public async Task Compressed_requests_get_compressed_answers()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var pair = new KeyValue { Key = Request.Key, Value = ByteString.CopyFrom(new byte[20_000]) };
        server.Api.OnRange = (_, _) => new ValueTask<RangeReply>(FakeEtcdApi.Reply(4, pair));
        var body = GrpcClient.GzipFrame(Request.ToByteArray());

        var range = await client.Call(Range, body, ("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip"));
        var put = await client.Call(Put, GrpcClient.GzipFrame(new PutRequest { Key = Request.Key }.ToByteArray()), ("grpc-encoding", "gzip"));

        Assert.Equal("gzip", range.Response.Headers.GetValues("grpc-encoding").Single());
        var (flag, bytes) = Assert.Single(range.Frames);
        Assert.Equal(1, flag);
        Assert.True(bytes.Length < 2000, "it was not compressed");
        Assert.Equal(pair, range.Only(RangeResponse.Parser).Kvs.Single());
        Assert.Equal(1, Assert.Single(put.Frames).Flag);
        Assert.Equal(2, put.Only(PutResponse.Parser).Header.Revision);
    }

    [Fact]
    public async Task A_plain_message_is_read_though_the_call_may_compress()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        Assert.Equal(StatusCode.OK, (await client.Call(Range, Request, ("grpc-encoding", "gzip"))).Status);
        Assert.Equal(StatusCode.OK, (await client.Call(Range, Request, ("grpc-encoding", "identity"))).Status);
    }

    [Fact]
    public async Task Bytes_that_are_no_gzip_are_refused()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var answer = await client.Call(Range, GrpcClient.Frame([1, 2, 3, 4], flag: 1), ("grpc-encoding", "gzip"));

        Assert.Equal(StatusCode.Internal, answer.Status);
        Assert.StartsWith("grpc: failed to decompress the received message: ", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gzip_bomb_is_refused_without_unpacking_it()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var bomb = GrpcClient.GzipFrame(new byte[500 * 1024 * 1024]);
        var before = GC.GetTotalAllocatedBytes();

        var answer = await client.Call(Range, bomb, ("grpc-encoding", "gzip"));

        Assert.Equal(StatusCode.ResourceExhausted, answer.Status);
        Assert.EndsWith(" vs. 2097152)", answer.Message, StringComparison.Ordinal);
        Assert.True(GC.GetTotalAllocatedBytes() - before < 32 * 1024 * 1024, "too much of it was unpacked");
    }

    [Fact]
    public async Task An_unknown_encoding_is_unimplemented_and_the_known_ones_are_named()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var answer = await client.Call(Range, Request, ("grpc-encoding", "snappy"));

        Assert.Equal((StatusCode.Unimplemented, "grpc: Decompressor is not installed for grpc-encoding \"snappy\""), (answer.Status, answer.Message));
        Assert.Equal("identity,gzip", answer.Response.Headers.GetValues("grpc-accept-encoding").Single());
    }
}
