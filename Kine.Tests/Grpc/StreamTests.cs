using System.Diagnostics;
using Google.Protobuf;
using Grpc.Health.V1;
using Grpc.Reflection.V1;
using Kine.Etcd;
using Kine.Grains;
using Xunit;

namespace Kine.Tests.Grpc;

public sealed class StreamTests
{
    private const string KeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";
    private const string RangeStream = "/etcdserverpb.KV/RangeStream";

    [Fact]
    public async Task A_duplex_stream_answers_each_message_while_it_is_open()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, KeepAlive);

        for (var id = 1; id <= 3; id++)
        {
            await stream.Send(new LeaseKeepAliveRequest { ID = id });
            Assert.Equal(id, (await stream.Receive(LeaseKeepAliveResponse.Parser))!.ID);
        }

        stream.CloseSend();
        Assert.Null(await stream.Receive(LeaseKeepAliveResponse.Parser));
        Assert.Equal((StatusCode.OK, string.Empty), stream.Status);
    }

    [Fact]
    public async Task An_idle_duplex_stream_is_left_alone()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, KeepAlive);
        await stream.Send(new LeaseKeepAliveRequest { ID = 1 });
        await stream.Receive(LeaseKeepAliveResponse.Parser);

        await Task.Delay(TimeSpan.FromSeconds(12)); // Kestrel's own limit for a slow body strikes after 5

        await stream.Send(new LeaseKeepAliveRequest { ID = 2 });
        Assert.Equal(2, (await stream.Receive(LeaseKeepAliveResponse.Parser))!.ID);
    }

    [Fact]
    public async Task Pings_of_an_idle_client_are_answered_and_tolerated()
    {
        await using var server = await TestServer.Start();
        using var handler = new SocketsHttpHandler
        {
            KeepAlivePingDelay = TimeSpan.FromSeconds(1), // etcd's clients ask for 30 s, and servers of etcd tolerate 5
            KeepAlivePingTimeout = TimeSpan.FromSeconds(5),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
        };
        var connections = 0;
        handler.PlaintextStreamFilter = (context, _) =>
        {
            Interlocked.Increment(ref connections);
            return ValueTask.FromResult(context.PlaintextStream);
        };
        using var client = new GrpcClient(new Uri($"http://127.0.0.1:{server.Server.Port}"), handler);
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("k") };
        await client.Call("/etcdserverpb.KV/Put", put);

        await Task.Delay(TimeSpan.FromSeconds(6));

        Assert.Equal(StatusCode.OK, (await client.Call("/etcdserverpb.KV/Put", put)).Status);
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task A_server_stream_sends_each_message_when_it_is_there_and_ends_with_its_status()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var second = new TaskCompletionSource();
        server.Api.OnRangeStream = (_, _) => Chunks(second.Task);
        using var stream = await DuplexStream.Open(client, RangeStream);
        await stream.Send(new RangeRequest());
        stream.CloseSend();

        Assert.Equal(1, (await stream.Receive(RangeStreamResponse.Parser))!.RangeResponse.Count);
        second.SetResult();
        Assert.Equal(2, (await stream.Receive(RangeStreamResponse.Parser))!.RangeResponse.Count);
        Assert.Null(await stream.Receive(RangeStreamResponse.Parser));
        Assert.Equal((StatusCode.OutOfRange, EtcdErrors.CompactedText), stream.Status);

        static async IAsyncEnumerable<RangeStreamResponse> Chunks(Task second)
        {
            yield return new RangeStreamResponse { RangeResponse = new RangeResponse { Count = 1 } };
            await second;
            yield return new RangeStreamResponse { RangeResponse = new RangeResponse { Count = 2 } };
            throw EtcdErrors.Compacted;
        }
    }

    [Fact]
    public async Task A_stopping_server_ends_streams_with_unavailable_and_lets_calls_finish_within_five_seconds()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var streams = new List<DuplexStream>();
        for (var i = 0; i < 20; i++)
        {
            streams.Add(await DuplexStream.Open(client, KeepAlive));
            await streams[i].Send(new LeaseKeepAliveRequest { ID = 1 });
            await streams[i].Receive(LeaseKeepAliveResponse.Parser);
        }

        var answer = new TaskCompletionSource<PutResponse>();
        var arrived = new TaskCompletionSource();
        server.Api.OnPut = (_, _) =>
        {
            arrived.SetResult();
            return answer.Task;
        };
        var put = client.Call("/etcdserverpb.KV/Put", new PutRequest { Key = ByteString.CopyFromUtf8("k") });
        await arrived.Task;

        var watch = Stopwatch.StartNew();
        var stop = server.Stop();
        foreach (var stream in streams)
        {
            Assert.Null(await stream.Receive(LeaseKeepAliveResponse.Parser));
            Assert.Equal((StatusCode.Unavailable, "etcdserver: server stopped"), stream.Status);
            stream.Dispose();
        }

        Assert.False(stop.IsCompleted);
        answer.SetResult(new PutResponse());
        Assert.Equal(StatusCode.OK, (await put).Status);
        await stop;
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"took {watch.Elapsed}");
        Assert.True(server.Backend.Stopped);
    }

    [Fact]
    public async Task A_call_that_never_ends_is_cut_off_when_the_server_stops()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        var arrived = new TaskCompletionSource();
        server.Api.OnPut = async (_, token) =>
        {
            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, token);
            return new PutResponse();
        };
        var put = client.Call("/etcdserverpb.KV/Put", new PutRequest { Key = ByteString.CopyFromUtf8("k") });
        await arrived.Task;

        var watch = Stopwatch.StartNew();
        await server.Stop();

        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"took {watch.Elapsed}");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => put);
    }

    [Fact]
    public async Task A_watch_that_the_hub_ends_is_told_though_its_client_is_silent()
    {
        await using var server = await TestServer.Start();
        server.Api.Watches.Load(2, 1, 0, []);
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, "/etcdserverpb.Watch/Watch");
        await stream.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("k") } });
        Assert.True((await stream.Receive(WatchResponse.Parser))!.Created);

        server.Api.Watches.Stop(EtcdErrors.LeaderChanged);

        Assert.Null(await stream.Receive(WatchResponse.Parser).WaitAsync(Wait.Limit));
        Assert.Equal((StatusCode.Unavailable, "etcdserver: leader changed"), stream.Status);
    }

    [Fact]
    public async Task A_progress_request_before_any_watch_is_silence_and_the_stream_goes_on()
    {
        await using var server = await TestServer.Start();
        server.Api.Watches.Load(2, 1, 0, []);
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, "/etcdserverpb.Watch/Watch");
        await stream.Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
        await Task.Delay(TimeSpan.FromMilliseconds(200)); // the answer would be out by now

        await stream.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("k") } });

        Assert.True((await stream.Receive(WatchResponse.Parser))!.Created);
        Assert.Equal("application/grpc", stream.ContentType);
        Assert.DoesNotContain("error", server.Log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_is_told_to_those_who_watch_it()
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, "/grpc.health.v1.Health/Watch");
        await stream.Send(new HealthCheckRequest());
        stream.CloseSend();
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await stream.Receive(HealthCheckResponse.Parser))!.Status);

        await server.Stop();

        while (await stream.Receive(HealthCheckResponse.Parser) is { } reply)
            Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, reply.Status);
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha")]
    public async Task Reflection_lists_the_services(string version)
    {
        await using var server = await TestServer.Start();
        using var client = new GrpcClient(server.Server.Port);
        using var stream = await DuplexStream.Open(client, $"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        await stream.Send(new ServerReflectionRequest { ListServices = "*" });

        var services = (await stream.Receive(ServerReflectionResponse.Parser))!.ListServicesResponse.Service.Select(s => s.Name).ToHashSet();

        Assert.Superset(
            new HashSet<string>
            {
                "etcdserverpb.KV", "etcdserverpb.Watch", "etcdserverpb.Lease", "etcdserverpb.Maintenance", "etcdserverpb.Cluster", "etcdserverpb.Auth",
                "grpc.health.v1.Health",
            },
            services);
        await stream.Send(new ServerReflectionRequest { FileContainingSymbol = "etcdserverpb.KV" });
        Assert.NotEmpty((await stream.Receive(ServerReflectionResponse.Parser))!.FileDescriptorResponse.FileDescriptorProto);
    }

    [Fact]
    public async Task Ten_thousand_streams_fit_on_one_connection()
    {
        const int count = 10_000;
        await using var server = await TestServer.Start();
        var connections = 0;
        using var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = false,
            PlaintextStreamFilter = (context, _) =>
            {
                Interlocked.Increment(ref connections);
                return ValueTask.FromResult(context.PlaintextStream);
            },
        };
        using var client = new GrpcClient(new Uri($"http://127.0.0.1:{server.Server.Port}"), handler);
        var streams = new DuplexStream[count];
        for (var from = 0; from < count; from += 500)
        {
            await Task.WhenAll(Enumerable.Range(from, 500).Select(async i =>
            {
                streams[i] = await DuplexStream.Open(client, KeepAlive);
                await streams[i].Send(new LeaseKeepAliveRequest { ID = i });
                Assert.Equal(i, (await streams[i].Receive(LeaseKeepAliveResponse.Parser))!.ID);
            }));
        }

        var answer = await client.Call("/etcdserverpb.KV/Put", new PutRequest { Key = ByteString.CopyFromUtf8("k") });

        Assert.Equal(StatusCode.OK, answer.Status);
        Assert.Equal(1, connections);
        await server.Stop();
        foreach (var stream in streams)
            stream.Dispose();
    }
}
