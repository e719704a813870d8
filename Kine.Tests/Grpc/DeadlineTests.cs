using System.Diagnostics;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;
using Xunit;

namespace Kine.Tests.Grpc;

public sealed class DeadlineTests
{
    private const string Put = "/etcdserverpb.KV/Put";
    private const string KeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";

    private static readonly PutRequest Request = new() { Key = ByteString.CopyFromUtf8("k") };

    [Theory]
    [InlineData("100m")]
    [InlineData("100000u")]
    [InlineData("1n")]
    public async Task A_call_past_its_deadline_is_deadline_exceeded(string timeout)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        server.Api.OnPut = Never;

        var answer = await client.Call(Put, Request, ("grpc-timeout", timeout));

        Assert.Equal((StatusCode.DeadlineExceeded, "context deadline exceeded"), (answer.Status, answer.Message));
    }

    [Fact]
    public async Task A_request_that_does_not_arrive_in_time_is_deadline_exceeded()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, Put, ("grpc-timeout", "100m"));

        await stream.SendBytes([0, 0, 0]);

        Assert.Null(await stream.Receive(PutResponse.Parser));
        Assert.Equal(StatusCode.DeadlineExceeded, stream.Status.Code);
    }

    [Fact]
    public async Task A_duplex_stream_past_its_deadline_is_deadline_exceeded()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, KeepAlive, ("grpc-timeout", "2S"));
        await stream.Send(new LeaseKeepAliveRequest { ID = 1 });

        Assert.NotNull(await stream.Receive(LeaseKeepAliveResponse.Parser));
        Assert.Null(await stream.Receive(LeaseKeepAliveResponse.Parser));
        Assert.Equal(StatusCode.DeadlineExceeded, stream.Status.Code);
    }

    [Fact]
    public async Task A_call_within_its_deadline_is_answered()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        Assert.Equal(StatusCode.OK, (await client.Call(Put, Request, ("grpc-timeout", "99999999H"))).Status);
        Assert.Equal(StatusCode.OK, (await client.Call(Put, Request, ("grpc-timeout", "30S"))).Status);
    }

    [Fact]
    public async Task A_malformed_timeout_is_refused()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        var answer = await client.Call(Put, Request, ("grpc-timeout", "soon"));

        Assert.Equal((StatusCode.Internal, "malformed grpc-timeout: \"soon\""), (answer.Status, answer.Message));
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.Response.StatusCode);
    }

    [Theory]
    [InlineData("1H", StatusCode.OK)]
    [InlineData("2M", StatusCode.OK)]
    [InlineData("00000003S", StatusCode.OK)]
    [InlineData("4000m", StatusCode.OK)]
    [InlineData("5000000u", StatusCode.OK)]
    [InlineData("99n", StatusCode.DeadlineExceeded)]
    [InlineData("0n", StatusCode.DeadlineExceeded)]
    [InlineData("0S", StatusCode.DeadlineExceeded)]
    [InlineData("S", StatusCode.Internal)]
    [InlineData("1", StatusCode.Internal)]
    [InlineData("1s", StatusCode.Internal)]
    [InlineData("-1S", StatusCode.Internal)]
    [InlineData("123456789S", StatusCode.Internal)]
    public async Task Timeouts_are_read_as_the_protocol_says(string text, StatusCode expected)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);

        Assert.Equal(expected, (await client.Call(Put, Request, ("grpc-timeout", text))).Status);
    }

    [Fact]
    public async Task A_client_that_goes_cancels_its_call()
    {
        await using var server = await TestServer.Start();
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Api.OnPut = async (_, token) =>
        {
            await using var registration = token.Register(cancelled.SetResult);
            arrived.SetResult();
            return await Never(Request, token);
        };
        using (var client = new GrpcClient(server.Server.Port))
        {
            _ = client.Call(Put, Request).ContinueWith(t => t.Exception, TaskScheduler.Default);
            await arrived.Task;
        }

        await cancelled.Task.WaitAsync(Wait.Limit);
        Assert.DoesNotContain("error", server.Log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_does_not_read_holds_up_nothing_but_its_own_call()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var given = 0;
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        const int pieces = 2000;
        var piece = new ReadOnlyMemory<byte>[] { new byte[100_000] };
        server.Api.OnRange = (_, _) => new ValueTask<RangeReply>(new RangeReply
        {
            Revision = 1,
            Count = pieces,
            KvsLength = pieces * FakeEtcdApi.FieldLength(piece[0]),
            Rest = Pieces(),
        });
        using (var slow = await DuplexStream.Open(client, "/etcdserverpb.KV/Range", ("grpc-timeout", "3S")))
        {
            await slow.Send(new RangeRequest { Key = Request.Key });
            slow.CloseSend();
            var watch = Stopwatch.StartNew();
            await ended.Task.WaitAsync(Wait.Limit); // the deadline ends what the client does not take
            Assert.InRange(watch.Elapsed.TotalSeconds, 2, 8);
        }

        Assert.InRange(given, 0, pieces / 4);

        async IAsyncEnumerable<IReadOnlyList<ReadOnlyMemory<byte>>> Pieces()
        {
            try
            {
                for (; given < pieces; given++)
                {
                    await Task.Yield();
                    yield return piece;
                }
            }
            finally
            {
                ended.SetResult();
            }
        }
    }

    private static async Task<PutResponse> Never(PutRequest request, CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        return new PutResponse();
    }
}
