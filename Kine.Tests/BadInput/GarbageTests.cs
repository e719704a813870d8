using System.Net;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.BadInput;

/// <summary>Bytes that are no HTTP/2, HTTP/2 that is no gRPC, and gRPC that is no request.</summary>
public sealed class GarbageTests : IAsyncLifetime
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);

    private Watched _server = null!;

    public async Task InitializeAsync() => _server = await Watched.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Connections_that_speak_no_http2_hurt_nobody()
    {
        var random = Draw.From(7);
        var noise = new byte[100_000];
        random.NextBytes(noise);
        byte[][] openings =
        [
            [],
            [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03], // the start of a TLS handshake
            "GET / HTTP/1.1\r\n"u8.ToArray(),
            "PRI * HTTP/2.0\r\n"u8.ToArray(),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray(),
            "POST /etcdserverpb.KV/Range HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"u8.ToArray(),
            noise,
        ];
        for (var round = 0; round < 30; round++)
        {
            foreach (var opening in openings)
            {
                using var connection = await RawHttp2.Connect(_server.Address);
                await Attack(() => connection.Send(opening));
                if (round == 0)
                    await connection.Drain(Quiet);
            }
        }
        await _server.IsFine();
    }

    [Fact]
    public async Task Broken_http2_frames_end_their_connection_only()
    {
        var huge = new byte[20_000];
        Func<RawHttp2, Task>[] attacks =
        [
            c => c.Frame(RawHttp2.Data, 0, 1, [1, 2, 3]), // on a stream that is not open
            c => c.Frame(RawHttp2.Headers, RawHttp2.EndHeaders, 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), // no header block
            c => c.Frame(RawHttp2.Headers, RawHttp2.EndHeaders, 2, RawHttp2.Block((":path", "/"))), // a server's stream number
            c => c.Frame(RawHttp2.Headers, RawHttp2.EndHeaders, 1, RawHttp2.Block((":path", "/"), (":path", "/"))),
            c => c.Frame(RawHttp2.Settings, 0, 0, [0, 4, 0xff, 0xff, 0xff, 0xff]), // an impossible window
            c => c.Frame(RawHttp2.Ping, 0, 0, [1, 2, 3]), // a ping of the wrong length
            c => c.Frame(RawHttp2.WindowUpdate, 0, 0, [0, 0, 0, 0]),
            c => c.Frame(RawHttp2.Data, 0, 1, huge, 0xffffff), // a frame above the largest size
            c => c.Frame(77, 255, 12345, [1, 2, 3]),
            c => c.Frame(RawHttp2.GoAway, 0, 0, new byte[8]),
            async c =>
            {
                await c.Request(1, EtcdMethods.Range, ("x-long", new string('a', 60_000)));
                await c.Frame(RawHttp2.Data, RawHttp2.EndStream, 1, GrpcClient.Frame(new RangeRequest()));
            },
            async c =>
            {
                // Opens and resets streams as fast as it can (the "rapid reset" attack), on a small scale.
                for (var i = 0; i < 2_000; i++)
                {
                    await c.Request(1 + (2 * i), EtcdMethods.Watch);
                    await c.Frame(RawHttp2.Reset, 0, 1 + (2 * i), [0, 0, 0, 8]);
                }
            },
            async c =>
            {
                for (var i = 0; i < 5_000; i++) { await c.Frame(RawHttp2.Ping, 0, 0, new byte[8]); } },
        ];
        foreach (var attack in attacks)
        {
            using var connection = await RawHttp2.Open(_server.Address);
            await Attack(() => attack(connection));
            await connection.Drain(Quiet);
        }
        await _server.IsFine();
    }

    [Fact]
    public async Task Requests_cut_off_at_any_byte_are_ended_by_the_server_or_with_the_connection()
    {
        var body = GrpcClient.Frame(new PutRequest { Key = ByteString.CopyFromUtf8("cut"), Value = ByteString.CopyFromUtf8("off") });
        using (var connection = await RawHttp2.Open(_server.Address))
        {
            for (var length = 0; length < body.Length; length++)
            {
                var stream = 1 + (2 * length);
                await connection.Request(stream, EtcdMethods.Put);
                await connection.Frame(RawHttp2.Data, RawHttp2.EndStream, stream, body[..length]);
            }
            var answered = (await connection.Drain(TimeSpan.FromSeconds(2))).Where(frame => frame.Type is RawHttp2.Headers or RawHttp2.Reset)
                .Select(frame => frame.Stream).Distinct();
            Assert.Equal(body.Length, answered.Count());
        }
        for (var length = 0; length < body.Length; length++)
        {
            using var connection = await RawHttp2.Open(_server.Address);
            await connection.Request(1, EtcdMethods.Put);
            await connection.Frame(RawHttp2.Data, 0, 1, body[..length]);
        }
        await _server.IsFine();
        Assert.Null(await _server.Channel.Get("cut"));
    }

    [Theory]
    [InlineData("text/html")]
    [InlineData("application/json")]
    [InlineData("application/grpcx")]
    [InlineData("")]
    public async Task Another_content_type_is_refused_in_http(string contentType)
    {
        using var client = new GrpcClient(_server.Address);
        var content = new ByteArrayContent(GrpcClient.Frame(new RangeRequest { Key = ByteString.CopyFromUtf8("a") }));
        content.Headers.TryAddWithoutValidation("content-type", contentType);
        using var response = await client.Send(GrpcClient.Request(EtcdMethods.Range, content));
        Assert.InRange((int)response.StatusCode, 400, 499);
        await _server.IsFine();
    }

    [Fact]
    public async Task Messages_that_are_no_messages_get_a_status_of_etcds()
    {
        await using var etcd = await EtcdServer.StartNew();
        using var reference = new GrpcClient(etcd.Address);
        using var candidate = new GrpcClient(_server.Address);
        var range = new RangeRequest { Key = ByteString.CopyFromUtf8("a") }.ToByteArray();
        var noise = new byte[1000];
        Draw.From(3).NextBytes(noise);
        (string What, byte[] Body)[] bodies =
        [
            ("a length of 4 GiB", GrpcClient.Frame(range, 0, uint.MaxValue)),
            ("a length of 2 MiB and one", GrpcClient.Frame(range, 0, (2 << 20) + 1)),
            ("compressed without an encoding", GrpcClient.Frame(range, flag: 1)),
            ("noise", GrpcClient.Frame(noise)),
            ("a field cut short", GrpcClient.Frame([0x0a, 0x7f, 1])),
            ("a wrong wire type", GrpcClient.Frame([0x0b, 0x01])),
            ("an endless varint", GrpcClient.Frame([0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1])),
            ("fields nobody knows", GrpcClient.Frame([0xfa, 0x7f, 0x02, 1, 2])),
        ];
        var differences = new List<string>();
        foreach (var method in new[] { EtcdMethods.Range, EtcdMethods.Watch, EtcdMethods.LeaseKeepAlive })
        {
            foreach (var (what, body) in bodies)
            {
                var expected = await StatusOf(reference, method, body);
                var actual = await StatusOf(candidate, method, body);
                if (expected != actual)
                    differences.Add($"{method} with {what}: etcd says {expected}, {actual} came");
            }
        }
        Assert.True(differences.Count == 0, string.Join('\n', differences));
        await _server.IsFine();
    }

    [Fact]
    public async Task A_message_that_is_cut_short_is_an_error_of_the_protocol()
    {
        var range = new RangeRequest { Key = ByteString.CopyFromUtf8("a") }.ToByteArray();
        byte[][] bodies = [[], [0, 0], GrpcClient.Frame([], 0, 10), GrpcClient.Frame(range[..1], 0, (uint)range.Length)];
        using var client = new GrpcClient(_server.Address);
        foreach (var body in bodies)
        {
            // gRPC's own word for it; etcd passes on what Go calls the end of a file.
            Assert.Equal(Candidate.IsEtcd ? "Unknown" : "Internal", await StatusOf(client, EtcdMethods.Range, body));
        }

        await _server.IsFine();
    }

    [Fact]
    public async Task A_small_message_that_unpacks_to_a_large_one_is_refused()
    {
        using var client = new GrpcClient(_server.Address);
        var bomb = GrpcClient.GzipFrame(new PutRequest { Key = ByteString.CopyFromUtf8("bomb"), Value = ByteString.CopyFrom(new byte[500 << 20]) }.ToByteArray());
        Assert.Equal(StatusCode.ResourceExhausted, (await client.Call(EtcdMethods.Put, bomb, ("grpc-encoding", "gzip"))).Status);
        await _server.IsFine();
    }

    // What the server may cut short: then the attack has failed, which is all that matters.
    private static async Task Attack(Func<Task> attack)
    {
        try
        {
            await attack();
        }
        catch (System.Net.Sockets.SocketException)
        {
            return;
        }
    }

    private static async Task<string> StatusOf(GrpcClient client, string method, byte[] body)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        try
        {
            using var response = await client.Send(GrpcClient.Request(method, new ByteArrayContent(body)), limit.Token);
            await response.Content.ReadAsByteArrayAsync(limit.Token);
            return GrpcAnswer.StatusOf(response) is { } status ? $"{status.Code}" : $"HTTP {response.StatusCode} without a status";
        }
        catch (Exception reset) when (reset is HttpRequestException or IOException)
        {
            return "a reset stream";
        }
        catch (OperationCanceledException)
        {
            return "no answer";
        }
    }
}
