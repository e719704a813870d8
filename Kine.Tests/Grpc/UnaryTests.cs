using Google.Protobuf;
using Grpc.Health.V1;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;
using Xunit;

namespace Kine.Tests.Grpc;

public sealed class UnaryTests
{
    private const string Range = "/etcdserverpb.KV/Range";
    private const string Put = "/etcdserverpb.KV/Put";

    [Fact]
    public async Task A_put_and_a_range_answer_with_one_message_and_status_zero()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var key = ByteString.CopyFromUtf8("k");

        var put = await client.Call(Put, new PutRequest { Key = key, Value = ByteString.CopyFromUtf8("v") });
        var range = await client.Call(Range, new RangeRequest { Key = key });

        Assert.Equal(StatusCode.OK, put.Status);
        Assert.Equal(2, put.Only(PutResponse.Parser).Header.Revision);
        Assert.Equal(StatusCode.OK, range.Status);
        var reply = range.Only(RangeResponse.Parser);
        Assert.Equal(new ResponseHeader { ClusterId = 11, MemberId = 22, Revision = 2, RaftTerm = 3 }, reply.Header);
        Assert.Equal("v", reply.Kvs.Single().Value.ToStringUtf8());
        Assert.Equal(1, reply.Count);
        Assert.False(reply.More);
        Assert.Equal("application/grpc", range.Response.Content.Headers.ContentType!.ToString());
    }

    [Fact]
    public async Task A_member_without_an_address_of_its_own_is_where_the_client_found_it()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        server.Api.ClientUrls = ["http://0.0.0.0:2379", "http://127.0.0.1:0", "https://db.example:2379", "unix:///run/kine"];

        var members = await client.Call("/etcdserverpb.Cluster/MemberList", new MemberListRequest());

        var found = $"http://127.0.0.1:{server.Server.Port}";
        Assert.Equal([found, found, "https://db.example:2379", "unix:///run/kine"], members.Only(MemberListResponse.Parser).Members.Single().ClientURLs);
    }

    [Fact]
    public async Task A_range_in_pieces_is_the_same_message_as_a_whole_one()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var pairs = Enumerable.Range(0, 3000)
            .Select(i => new KeyValue { Key = ByteString.CopyFromUtf8($"k{i}"), Value = ByteString.CopyFrom(new byte[i % 700]), ModRevision = i + 2 })
            .ToArray();
        var encoded = pairs.Select(p => (ReadOnlyMemory<byte>)p.ToByteArray()).ToArray();
        server.Api.OnRange = (_, _) => new ValueTask<RangeReply>(new RangeReply
        {
            Revision = 99,
            Count = 5000,
            More = true,
            KvsLength = encoded.Sum(FakeEtcdApi.FieldLength),
            First = encoded[..10],
            Rest = Pieces(encoded),
        });

        var answer = await client.Call(Range, new RangeRequest { Key = ByteString.CopyFromUtf8("k") });

        var expected = new RangeResponse { Header = server.Api.Header(), Count = 5000, More = true, Kvs = { pairs } };
        expected.Header.Revision = 99;
        Assert.Equal(expected, answer.Only(RangeResponse.Parser));

        static async IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>> Pieces(ReadOnlyMemory<byte>[] encoded)
        {
            foreach (var piece in encoded[10..].Chunk(100))
            {
                await Task.Yield();
                yield return piece;
            }
        }
    }

    [Fact]
    public async Task An_error_comes_in_the_headers_alone_with_its_text_encoded()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        server.Api.OnRange = (_, _) => throw new EtcdException(StatusCode.OutOfRange, "100% größer\n");

        var answer = await client.Call(Range, new RangeRequest());

        Assert.True(answer.TrailersOnly);
        Assert.Equal(StatusCode.OutOfRange, answer.Status);
        Assert.Equal("100%25 gr%C3%B6%C3%9Fer%0A", answer.Message);
        Assert.Empty(answer.Body);
    }

    [Fact]
    public async Task A_fault_inside_is_internal_and_tells_no_detail()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var answer = await client.Call("/etcdserverpb.Maintenance/Hash", new HashRequest());

        Assert.Equal(StatusCode.Internal, answer.Status);
        Assert.DoesNotContain("secret", answer.Message, StringComparison.Ordinal);
        Assert.Contains("a secret of the inside", server.Log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_range_that_breaks_half_way_resets_the_stream()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var first = new byte[100_000];
        server.Api.OnRange = (_, _) => new ValueTask<RangeReply>(new RangeReply
        {
            Revision = 5,
            Count = 2,
            KvsLength = 300_000,
            First = [first],
            Rest = Broken(),
        });

        await Assert.ThrowsAsync<HttpRequestException>(() => client.Call(Range, new RangeRequest { Key = ByteString.CopyFromUtf8("k") }));

        server.Api.OnRange = null;
        Assert.Equal(StatusCode.OK, (await client.Call(Range, new RangeRequest { Key = ByteString.CopyFromUtf8("k") })).Status);

        static async IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>> Broken()
        {
            await Task.Yield();
            yield return [];
            throw EtcdErrors.Compacted;
        }
    }

    [Theory]
    [InlineData("/etcdserverpb.KV/Nothing", "unknown method Nothing for service etcdserverpb.KV")]
    [InlineData("/no.Such/Thing", "unknown service no.Such")]
    [InlineData("/nothing", "malformed method name: \"/nothing\"")]
    public async Task An_unknown_method_is_unimplemented(string path, string message)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var answer = await client.Call(path, new RangeRequest());

        Assert.Equal(StatusCode.Unimplemented, answer.Status);
        Assert.Equal(message, answer.Message);
    }

    [Theory]
    [InlineData("/etcdserverpb.Cluster/MemberAdd")]
    [InlineData("/etcdserverpb.Maintenance/Downgrade")]
    [InlineData("/etcdserverpb.Auth/UserAdd")]
    [InlineData("/v3lockpb.Lock/Lock")]
    [InlineData("/v3electionpb.Election/Campaign")]
    public async Task A_method_that_is_not_offered_says_why(string path)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var answer = await client.Call(path, new RangeRequest());

        Assert.Equal(StatusCode.Unimplemented, answer.Status);
        Assert.StartsWith("kine: ", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_serves_for_the_server_and_knows_no_other_service()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var whole = await client.Call("/grpc.health.v1.Health/Check", new HealthCheckRequest());
        var other = await client.Call("/grpc.health.v1.Health/Check", new HealthCheckRequest { Service = "other" });

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, whole.Only(HealthCheckResponse.Parser).Status);
        Assert.Equal(StatusCode.NotFound, other.Status);
    }
}
