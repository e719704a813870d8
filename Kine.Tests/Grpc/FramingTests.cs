using System.Buffers.Binary;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Grpc;
using Xunit;

namespace Kine.Tests.Grpc;

public sealed class FramingTests
{
    private const string Range = "/etcdserverpb.KV/Range";
    private const string Put = "/etcdserverpb.KV/Put";
    private const string Txn = "/etcdserverpb.KV/Txn";
    private const string KeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";
    private const int TwoMiB = 2 * 1024 * 1024;

    private static readonly RangeRequest Request = new() { Key = ByteString.CopyFromUtf8("k") };

    [Fact]
    public async Task A_message_may_arrive_byte_by_byte()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, Range);

        foreach (var b in GrpcClient.Frame(Request))
            await stream.SendBytes([b]);

        stream.CloseSend();

        Assert.Equal(22UL, (await stream.Receive(RangeResponse.Parser))!.Header.MemberId);
        Assert.Null(await stream.Receive(RangeResponse.Parser));
        Assert.Equal(StatusCode.OK, stream.Status.Code);
    }

    [Fact]
    public async Task Several_messages_in_one_packet_are_read_one_by_one()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, KeepAlive);

        await stream.SendBytes([.. Enumerable.Range(1, 5).SelectMany(i => GrpcClient.Frame(new LeaseKeepAliveRequest { ID = i }))]);

        for (var id = 1; id <= 5; id++)
            Assert.Equal(id, (await stream.Receive(LeaseKeepAliveResponse.Parser))!.ID);
    }

    public static TheoryData<string, byte[], StatusCode, string> BadBodies => new()
    {
        { "nothing", [], StatusCode.Internal, "cardinality violation: received no request message from non-client-streaming RPC" },
        { "part of a prefix", [0, 0], StatusCode.Internal, "unexpected EOF" },
        { "part of a message", [0, 0, 0, 0, 9, 1], StatusCode.Internal, "unexpected EOF" },
        { "an unknown flag", [2, 0, 0, 0, 0], StatusCode.Internal, "grpc: received unexpected payload format 2" },
        { "a compressed message without an encoding", [1, 0, 0, 0, 0], StatusCode.Internal, "grpc: compressed flag set with identity or empty encoding" },
        { "garbage for a message", [0, 0, 0, 0, 3, 0x0A, 0x7F, 1], StatusCode.Internal, "grpc: error unmarshalling request: " },
        { "an HTTP/1 request", [.. "GET / HTTP/1.1\r\n\r\n"u8], StatusCode.Internal, "grpc: received unexpected payload format 71" },
        {
            "two messages", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0], StatusCode.Internal,
            "cardinality violation: received multiple request messages for non-client-streaming RPC"
        },
    };

    [Theory]
    [MemberData(nameof(BadBodies))]
    public async Task A_bad_body_is_answered_and_the_next_call_works(string what, byte[] body, StatusCode code, string message)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var answer = await client.Call(Range, body);

        Assert.True(answer.Status == code, what);
        Assert.StartsWith(message, answer.Message, StringComparison.Ordinal);
        Assert.Equal(StatusCode.OK, (await client.Call(Range, Request)).Status);
        Assert.DoesNotContain("error", server.Log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_duplex_stream_ends_at_garbage_with_internal()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, KeepAlive);

        await stream.SendBytes([0, 0, 0, 0, 3, 0x0A, 0x7F, 1]);

        Assert.Null(await stream.Receive(LeaseKeepAliveResponse.Parser));
        Assert.Equal(StatusCode.Internal, stream.Status.Code);
        Assert.StartsWith("grpc: failed to unmarshal the received message: ", stream.Status.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_over_two_mebibytes_is_refused_by_its_length_alone()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, Put);
        var prefix = new byte[5];
        BinaryPrimitives.WriteUInt32BigEndian(prefix.AsSpan(1), uint.MaxValue);

        await stream.SendBytes(prefix); // and nothing more: nobody waits for the body

        Assert.Null(await stream.Receive(PutResponse.Parser));
        Assert.Equal((StatusCode.ResourceExhausted, "grpc: received message larger than max (4294967295 vs. 2097152)"), stream.Status);
    }

    [Fact]
    public async Task A_whole_message_of_two_mebibytes_is_read_and_one_byte_more_is_not()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        // A read, so that the limit of writes does not come first; the key takes what its tag and length leave.
        var fits = new RangeRequest { Key = ByteString.CopyFrom(new byte[TwoMiB - 4]) };
        Assert.Equal(TwoMiB, fits.CalculateSize());
        var longer = new RangeRequest { Key = ByteString.CopyFrom(new byte[TwoMiB - 3]) };

        Assert.Equal(StatusCode.OK, (await client.Call(Range, fits)).Status);
        var refused = await client.Call(Range, longer);

        Assert.Equal(StatusCode.ResourceExhausted, refused.Status);
        Assert.Equal("grpc: received message larger than max (2097153 vs. 2097152)", refused.Message);
    }

    [Fact]
    public async Task A_write_over_one_and_a_half_mebibytes_is_too_large_and_a_read_is_not()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var value = ByteString.CopyFrom(new byte[1536 * 1024]);
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = value };
        var nested = new TxnRequest { Success = { new RequestOp { RequestTxn = new TxnRequest { Failure = { new RequestOp { RequestPut = put } } } } } };
        var reading = new TxnRequest
        {
            Compare = { new Compare { Key = put.Key, Target = Compare.Types.CompareTarget.Value, Value = value } },
            Success = { new RequestOp { RequestRange = Request } },
        };

        var answers = new[] { await client.Call(Put, put), await client.Call(Txn, nested) };
        var read = await client.Call(Txn, reading);

        Assert.All(answers, a => Assert.Equal((StatusCode.InvalidArgument, "etcdserver: request is too large"), (a.Status, a.Message)));
        Assert.Equal(StatusCode.OK, read.Status);
        Assert.Equal(reading, Assert.Single(server.Api.Transactions));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/grpcx")]
    [InlineData("application/json")]
    public async Task Another_content_type_is_http_415(string contentType)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var content = new ByteArrayContent(GrpcClient.Frame(Request));
        content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        using var request = GrpcClient.Request(Range, content);

        using var response = await client.Send(request);

        Assert.Equal(System.Net.HttpStatusCode.UnsupportedMediaType, response.StatusCode);
        var answer = await GrpcAnswer.Read(response);
        Assert.Equal($"invalid gRPC request content-type \"{contentType}\"", answer.Message);
    }

    [Fact]
    public async Task A_sub_type_is_given_back()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var content = new ByteArrayContent(GrpcClient.Frame(Request));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc+proto");
        using var request = GrpcClient.Request(Range, content);

        using var response = await client.Send(request);

        Assert.Equal("application/grpc+proto", response.Content.Headers.ContentType!.ToString());
        Assert.Equal(StatusCode.OK, (await GrpcAnswer.Read(response)).Status);
    }

    [Fact]
    public async Task Another_verb_is_http_405()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var request = GrpcClient.Request(Range, new ByteArrayContent(GrpcClient.Frame(Request)));
        request.Method = HttpMethod.Put;

        using var response = await client.Send(request);

        Assert.Equal(System.Net.HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal("Received a HEADERS frame with :method \"PUT\" which should be POST", (await GrpcAnswer.Read(response)).Message);
    }

    [Fact]
    public async Task Large_messages_that_never_end_are_bounded_all_together()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var prefix = new byte[5 + 20_000];
        BinaryPrimitives.WriteUInt32BigEndian(prefix.AsSpan(1), TwoMiB);
        var streams = new List<DuplexStream>();
        for (var i = 0; i < 65; i++) // 64 times 2 MiB are all that is allowed
        {
            streams.Add(await DuplexStream.Open(client, Put));
            await streams[i].SendBytes(prefix);
        }

        // Which of them comes last is the server's chance.
        var ends = streams.Select(s => s.Receive(PutResponse.Parser)).ToList();
        var refused = ends.IndexOf((Task<PutResponse?>)await Task.WhenAny(ends));

        Assert.Null(await ends[refused]);
        Assert.Equal((StatusCode.ResourceExhausted, "etcdserver: too many requests"), streams[refused].Status);
        Assert.Equal(1, ends.Count(e => e.IsCompleted));
        Assert.Equal(StatusCode.OK, (await client.Call(Put, new PutRequest { Key = Request.Key })).Status);
        streams.ForEach(s => s.Dispose());
    }

    [Fact]
    public async Task Small_messages_that_never_end_are_bounded_too()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        const int fits = 8192; // times 16 KiB are all that is allowed
        var streams = new DuplexStream[fits];
        for (var from = 0; from < fits; from += 512)
        {
            await Task.WhenAll(Enumerable.Range(from, 512).Select(async i =>
            {
                streams[i] = await DuplexStream.Open(client, Put);
                await streams[i].SendBytes([0, 0, 0, 0x40, 0, 1]);
            }));
        }

        using var last = await DuplexStream.Open(client, Put);
        await last.SendBytes([0, 0, 0, 0x40, 0, 1]);

        var ends = streams.Append(last).Select(s => s.Receive(PutResponse.Parser)).ToList();
        Assert.Null(await (await Task.WhenAny(ends)).WaitAsync(Wait.Limit));
        Assert.Contains((StatusCode.ResourceExhausted, "etcdserver: too many requests"), streams.Append(last).Select(s => s.Status));
        Assert.Equal(StatusCode.OK, (await client.Call(Put, new PutRequest { Key = Request.Key })).Status);
        await server.Stop();
        Array.ForEach(streams, s => s.Dispose());
    }

    [Theory]
    [InlineData(50)]
    [InlineData(127)]
    public async Task Transactions_nest_as_deep_as_in_etcd(int depth)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var txn = new TxnRequest();
        for (var i = 0; i < depth; i++)
            txn = new TxnRequest { Success = { new RequestOp { RequestTxn = txn } } };

        Assert.Equal(StatusCode.OK, (await client.Call(Txn, txn)).Status);
        Assert.Equal(txn, Assert.Single(server.Api.Transactions));
    }

    [Fact]
    public async Task Unknown_groups_may_nest_deep()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        byte[] groups = [.. Enumerable.Repeat<byte[]>([0xFB, 0x07], 150).SelectMany(b => b), .. Enumerable.Repeat<byte[]>([0xFC, 0x07], 150).SelectMany(b => b)];

        Assert.Equal(StatusCode.OK, (await client.Call(Range, GrpcClient.Frame([.. Request.ToByteArray(), .. groups]))).Status);
    }

    [Theory]
    [InlineData("0C")]
    [InlineData("0A 01 6B 0C")]
    [InlineData("0A 01 6B 0C 12 01 76")]
    [InlineData("0A 01 6B 0C FF FF")]
    public async Task A_message_that_ends_before_its_end_is_refused_as_in_etcd(string body)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        Assert.Equal(StatusCode.Internal, (await client.Call(Put, GrpcClient.Frame(Convert.FromHexString(body.Replace(" ", "", StringComparison.Ordinal))))).Status);
    }

    [Fact]
    public void Room_for_partial_messages_is_given_back_and_its_time_is_limited()
    {
        var messages = new PartialMessages(100, TimeSpan.FromMilliseconds(200), TimeProvider.System);
        using var woken = new ManualResetEventSlim();
        var first = messages.Enter(60, woken.Set);
        Assert.Throws<RpcException>(() => messages.Enter(60, () => { }));
        messages.Enter(40, () => { }).Dispose();

        Assert.False(first.IsLate);
        Assert.True(woken.Wait(Wait.Limit));
        Assert.True(first.IsLate);

        first.Dispose();
        messages.Enter(100, () => { }).Dispose();
    }
}
