using System.Diagnostics;
using Google.Protobuf;
using Grpc.Net.Client;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Grpc;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.BadInput;

/// <summary>Clients that take much or give nothing back: thousands of streams, watches that nobody reads, streams that idle.</summary>
public sealed class HungryClientTests : IAsyncLifetime
{
    private Watched _server = null!;

    public async Task InitializeAsync() => _server = await Watched.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Ten_thousand_watches_on_one_connection_all_get_their_event()
    {
        const int Streams = 10_000;
        using var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false };
        using var channel = GrpcChannel.ForAddress($"http://{_server.Address}", new GrpcChannelOptions { HttpHandler = handler });
        var crowd = new Etcd.Watch.WatchClient(channel);
        var watches = new WatchCall[Streams];
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        for (var batch = 0; batch < Streams; batch += 500)
        {
            await Task.WhenAll(Enumerable.Range(batch, 500).Select(async i =>
            {
                watches[i] = await crowd.Open(new WatchCreateRequest { Key = ByteString.CopyFromUtf8($"crowd/{i % 10}") }, limit.Token);
            }));
            await _server.IsFine();
        }
        for (var key = 0; key < 10; key++)
            await _server.Channel.Put($"crowd/{key}", "hello");

        await Task.WhenAll(watches.Select(async (watch, i) =>
        {
            var reply = (await watch.Read(limit.Token))!;
            Assert.Equal($"crowd/{i % 10}", Assert.Single(reply.Events).Kv.Key.ToStringUtf8());
        }));
        await _server.IsFine();
        foreach (var watch in watches)
            watch.Dispose();

        await _server.IsFine();
    }

    [Fact]
    public async Task Watches_that_nobody_reads_cost_bounded_memory_and_no_event_of_the_others()
    {
        const int Writes = 4_000;
        var value = ByteString.CopyFrom(Enumerable.Range(0, 60_000).Select(i => (byte)i).ToArray());
        var everything = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("slow/"), RangeEnd = ByteString.CopyFromUtf8("slow0"), PrevKv = true };
        var deaf = new List<RawHttp2>();
        for (var i = 0; i < 20; i++)
        {
            var connection = await RawHttp2.Open(_server.Address);
            // Room for 2 GiB on the connection and 64 KiB on each stream, and then not a byte is read.
            await connection.Frame(RawHttp2.WindowUpdate, 0, 0, [0x7f, 0, 0, 0]);
            for (var stream = 1; stream < 6; stream += 2)
            {
                await connection.Request(stream, EtcdMethods.Watch);
                await connection.Frame(RawHttp2.Data, 0, stream, GrpcClient.Frame(new WatchRequest { CreateRequest = everything }));
            }
            deaf.Add(connection);
        }
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        using var attentive = new EtcdChannel(_server.Address);
        using var watch = await attentive.Watch(everything, limit.Token);
        var reader = Task.Run(async () =>
        {
            for (var seen = 0; seen < Writes;)
            {
                foreach (var change in (await watch.Read(limit.Token))!.Events)
                    Assert.Equal($"slow/{seen++ % 50:00}", change.Kv.Key.ToStringUtf8());
            }
        });
        for (var i = 0; i < Writes; i++)
        {
            await _server.Channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8($"slow/{i % 50:00}"), Value = value }, limit.Token);
            if (i % 500 == 0)
                await _server.IsFine();
        }
        await reader;
        await _server.IsFine();
        foreach (var connection in deaf)
            connection.Dispose();

        await _server.IsFine();
    }

    [Fact]
    public async Task Streams_that_idle_for_over_a_minute_are_still_there()
    {
        // Not the client of the program, which pings.
        using var client = new GrpcClient(_server.Address) { HeadersWithin = Timeout.InfiniteTimeSpan };
        var create = new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("idle") } };
        using var watch = await DuplexStream.Open(client, EtcdMethods.Watch);
        await watch.Send(create);
        Assert.True((await watch.Receive(WatchResponse.Parser))!.Created);
        using var unasked = await DuplexStream.Open(client, EtcdMethods.Watch);
        using var keepAlive = await DuplexStream.Open(client, EtcdMethods.LeaseKeepAlive);
        var lease = await _server.Channel.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 600 });
        await keepAlive.Send(new LeaseKeepAliveRequest { ID = lease.ID });
        Assert.Equal(600, (await keepAlive.Receive(LeaseKeepAliveResponse.Parser))!.TTL);
        using var halfMessage = await DuplexStream.Open(client, EtcdMethods.Watch);
        await halfMessage.SendBytes([0, 0, 0, 0, 100, 1, 2, 3]);
        var idle = Stopwatch.StartNew();
        while (idle.Elapsed < TimeSpan.FromSeconds(65))
        {
            await Task.Delay(TimeSpan.FromSeconds(5));
            await _server.IsFine();
        }
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("idle"), Value = ByteString.CopyFromUtf8("no more") };
        Assert.Equal(StatusCode.OK, (await client.Call(EtcdMethods.Put, put)).Status);
        Assert.Equal(put.Value, Assert.Single((await watch.Receive(WatchResponse.Parser).WaitAsync(Wait.Limit))!.Events).Kv.Value);
        await keepAlive.Send(new LeaseKeepAliveRequest { ID = lease.ID });
        Assert.Equal(600, (await keepAlive.Receive(LeaseKeepAliveResponse.Parser).WaitAsync(Wait.Limit))!.TTL);
        await unasked.Send(create);
        Assert.True((await unasked.Receive(WatchResponse.Parser).WaitAsync(Wait.Limit))!.Created);
        await _server.IsFine();
    }

    [Fact]
    public async Task Many_connections_that_come_and_go_leave_nothing_behind()
    {
        var before = 0L;
        for (var round = 0; round < 6; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 100).Select(async i =>
            {
                using var channel = new EtcdChannel(_server.Address);
                using var watch = await channel.Watch(new WatchCreateRequest { Key = ByteString.CopyFromUtf8($"come{i}") });
                await channel.Put($"come{i}", "go");
                Assert.NotNull(await watch.Read());
            }));
            if (round == 2)
                before = _server.Process.OpenFiles;
        }
        await Task.Delay(1_000);
        Assert.InRange(_server.Process.OpenFiles, 0, before + 20);
        await _server.IsFine();
    }
}
