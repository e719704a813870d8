using System.Diagnostics;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Health.V1;
using Kine.Etcd;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.BadInput;

/// <summary>Sizes, deadlines, compression and names at the borders of what a server takes, with etcd's codes and texts.</summary>
public sealed class LimitTests : IAsyncLifetime
{
    private const int WriteLimit = 3 << 19; // 1.5 MiB
    private const int MessageLimit = 2 << 20;

    private Watched _server = null!;

    public async Task InitializeAsync() => _server = await Watched.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_write_above_one_and_a_half_mebibytes_is_too_large()
    {
        await _server.Channel.Put(Large(WriteLimit - 200));
        Assert.Equal(WriteLimit - 200, (await _server.Channel.Get("large"))!.Value.Length);
        var error = await Assert.ThrowsAsync<RpcException>(() => _server.Channel.Put(Large(WriteLimit + 1)));
        Assert.Equal((StatusCode.InvalidArgument, "etcdserver: request is too large"), (error.StatusCode, error.Status.Detail));
        var inTxn = new TxnRequest();
        for (var i = 0; i < 2; i++)
            inTxn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"{i}"), Value = ByteString.CopyFrom(new byte[WriteLimit / 2]) } });

        error = await Assert.ThrowsAsync<RpcException>(() => _server.Channel.Txn(inTxn));
        Assert.Equal((StatusCode.InvalidArgument, "etcdserver: request is too large"), (error.StatusCode, error.Status.Detail));
        await _server.IsFine();
    }

    [Fact]
    public async Task A_message_above_two_mebibytes_is_not_even_read()
    {
        var request = Large(MessageLimit);
        var error = await Assert.ThrowsAsync<RpcException>(() => _server.Channel.Put(request));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.Equal($"grpc: received message larger than max ({request.CalculateSize()} vs. {MessageLimit})", error.Status.Detail);
        error = await Assert.ThrowsAsync<RpcException>(() => _server.Channel.Put(Large(100 << 20)));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        await _server.IsFine();
    }

    [Fact]
    public async Task Large_values_come_back_whole_in_lists_and_watches()
    {
        using var watch = await _server.Channel.Watch(new WatchCreateRequest { Key = ByteString.CopyFromUtf8("large") });
        var random = Draw.From(5);
        var values = Enumerable.Range(0, 20).Select(_ =>
        {
            var value = new byte[1 << 20];
            random.NextBytes(value);
            return ByteString.CopyFrom(value);
        }).ToArray();
        foreach (var value in values)
            await _server.Channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8("large"), Value = value });

        var seen = new List<ByteString>();
        while (seen.Count < values.Length)
            seen.AddRange((await watch.Read())!.Events.Select(change => change.Kv.Value));

        Assert.Equal(values, seen);
        for (var i = 0; i < values.Length; i++)
            await _server.Channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8($"list/{i:00}"), Value = values[i] });

        var list = await _server.Channel.Range(new RangeRequest { Key = ByteString.CopyFromUtf8("list/"), RangeEnd = ByteString.CopyFromUtf8("list0") });
        Assert.Equal(values, list.Kvs.Select(kv => kv.Value));
        await _server.IsFine();
    }

    [Theory]
    [InlineData(RangeRequest.Types.SortOrder.None, RangeRequest.Types.SortTarget.Create, true)]
    [InlineData(RangeRequest.Types.SortOrder.Ascend, RangeRequest.Types.SortTarget.Key, true)]
    [InlineData(RangeRequest.Types.SortOrder.Descend, RangeRequest.Types.SortTarget.Key, false)]
    [InlineData(RangeRequest.Types.SortOrder.Ascend, RangeRequest.Types.SortTarget.Create, false)]
    public async Task A_streamed_range_goes_by_key_and_refuses_what_asks_for_another_order(
        RangeRequest.Types.SortOrder order, RangeRequest.Types.SortTarget target, bool taken)
    {
        foreach (var key in (string[])["b", "a"])
            await _server.Channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8(key) });

        var request = new RangeRequest { Key = ByteString.CopyFromUtf8("a"), RangeEnd = ByteString.CopyFromUtf8("c"), SortOrder = order, SortTarget = target };
        if (taken)
        {
            Assert.Equal(["a", "b"], await Keys());
            return;
        }

        var error = await Assert.ThrowsAsync<RpcException>(Keys);
        Assert.Equal((StatusCode.Unimplemented, "RangeStream does not support custom sort orders"), (error.StatusCode, error.Status.Detail));

        async Task<List<string>> Keys()
        {
            var keys = new List<string>();
            using var call = _server.Channel.Kv.RangeStream(request);
            await foreach (var chunk in call.ResponseStream.ReadAllAsync())
                keys.AddRange(chunk.RangeResponse.Kvs.Select(kv => kv.Key.ToStringUtf8()));

            return keys;
        }
    }

    [Fact]
    public async Task A_fragmented_watch_splits_what_is_too_large_for_one_reply_and_others_do_not()
    {
        var all = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("f/"), RangeEnd = ByteString.CopyFromUtf8("f0"), PrevKv = true };
        using var whole = await _server.Channel.Watch(all.Clone());
        all.Fragment = true;
        using var pieces = await _server.Channel.Watch(all);
        // Two transactions on the same keys: the second one's events carry old and new values, four times 700 KiB.
        foreach (var filling in new byte[] { 1, 2 })
        {
            var txn = new TxnRequest();
            for (var i = 0; i < 2; i++)
            {
                var value = ByteString.CopyFrom(Enumerable.Repeat(filling, 700 << 10).ToArray());
                txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"f/{i}"), Value = value } });
            }
            await _server.Channel.Txn(txn);
        }
        for (var revision = 0; revision < 2; revision++)
            Assert.Equal(2, (await whole.Read())!.Events.Count);

        Assert.Equal(2, (await pieces.Read())!.Events.Count);
        var first = (await pieces.Read())!;
        var second = (await pieces.Read())!;
        Assert.Equal((true, 1, false, 1), (first.Fragment, first.Events.Count, second.Fragment, second.Events.Count));
        Assert.Equal(["f/0", "f/1"], first.Events.Concat(second.Events).Select(change => change.Kv.Key.ToStringUtf8()));
    }

    [Fact]
    public async Task Compressed_requests_are_read_and_compressed_replies_are_offered_ones()
    {
        var request = new PutRequest { Key = ByteString.CopyFromUtf8("zip"), Value = ByteString.CopyFrom(new byte[10_000]) };
        using var client = new GrpcClient(_server.Address);
        (string, string)[] gzip = [("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip")];
        Assert.Equal(StatusCode.OK, (await client.Call(EtcdMethods.Put, GrpcClient.GzipFrame(request.ToByteArray()), gzip)).Status);
        var read = await client.Call(EtcdMethods.Range, GrpcClient.GzipFrame(new RangeRequest { Key = request.Key }.ToByteArray()), gzip);
        Assert.Equal(StatusCode.OK, read.Status);
        Assert.Equal(request.Value, Assert.Single(read.Only(RangeResponse.Parser).Kvs).Value);
        Assert.Equal(request.Value, (await _server.Channel.Get("zip"))!.Value);
    }

    [Fact]
    public async Task A_deadline_ends_a_call_on_the_server_side()
    {
        var clock = Stopwatch.StartNew();
        using var client = new GrpcClient(_server.Address);
        using var watch = await DuplexStream.Open(client, EtcdMethods.Watch, ("grpc-timeout", "400m"));
        await watch.Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("dead") } });
        Assert.True((await watch.Receive(WatchResponse.Parser))!.Created);
        try
        {
            Assert.Null(await watch.Receive(WatchResponse.Parser));
            Assert.Equal(StatusCode.DeadlineExceeded, watch.Status.Code);
        }
        catch (IOException) when (Candidate.IsEtcd)
        {
            // etcd's gRPC resets the stream, as its clients have counted down the same time by themselves.
        }

        Assert.InRange(clock.ElapsedMilliseconds, 300, 5_000);
        foreach (var (timeout, code) in new[] { ("1n", StatusCode.DeadlineExceeded), ("10S", StatusCode.OK), ("99999999H", StatusCode.OK) })
            Assert.Equal(code, (await client.Call(EtcdMethods.Put, Large(10), ("grpc-timeout", timeout))).Status);

        await _server.IsFine();
    }

    [Theory]
    [InlineData("/etcdserverpb.KV/Nonsense")]
    [InlineData("/etcdserverpb.Nonsense/Range")]
    [InlineData("/Range")]
    [InlineData("/")]
    [InlineData("/etcdserverpb.KV/Range/more")]
    public async Task What_nobody_implements_is_unimplemented(string method)
    {
        using var client = new GrpcClient(_server.Address);
        var answer = await client.Call(method, new RangeRequest());
        Assert.Equal(StatusCode.Unimplemented, answer.Status);
        Assert.NotEmpty(answer.Message);
        await _server.IsFine();
    }

    [Fact]
    public async Task The_health_service_says_serving()
    {
        using var client = new GrpcClient(_server.Address);
        var answer = await client.Call(EtcdMethods.HealthCheck, new HealthCheckRequest());
        Assert.Equal(StatusCode.OK, answer.Status);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, answer.Only(HealthCheckResponse.Parser).Status);
    }

    private static PutRequest Large(int size)
        => new() { Key = ByteString.CopyFromUtf8("large"), Value = ByteString.CopyFrom(new byte[size]) };
}
