using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Differential;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;
using Order = Kine.Etcd.RangeRequest.Types.SortOrder;
using Target = Kine.Etcd.RangeRequest.Types.SortTarget;

namespace Kine.Tests.BadInput;

/// <summary>Replies that are large, or would be: transactions with many ranges, lists in other orders, clients that do not read them.</summary>
public sealed class LongReplyTests : IAsyncLifetime
{
    private const int PutsOfTxn = 100;

    private static readonly TimeSpan LongestPut = TimeSpan.FromSeconds(10);

    private Watched _server = null!;

    public async Task InitializeAsync() => _server = await Watched.Start();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Ranges_of_a_transaction_see_what_etcds_see_before_between_and_behind_its_writes()
    {
        await using var etcd = await EtcdServer.StartNew();
        using var reference = new EtcdChannel(etcd.Address);
        var all = Range("k/");
        TxnRequest[] requests =
        [
            Txn(all, Put("k/0007"), all, Delete("k/0010"), all),
            Txn(all, Ordered(Order.Descend, Target.Key), Ordered(Order.Ascend, Target.Mod, limit: 50), Ordered(Order.None, Target.Create, limit: 50)),
            Txn(Ordered(Order.Descend, Target.Value), Ordered(Order.Ascend, Target.Value, keysOnly: true), Ordered(Order.Descend, Target.Version, limit: 3)),
            Txn(Put("k/new"), Nested(all, Put("k/0020"), Nested(all, Delete("k/0021")), all), all),
            Txn(With(all, range => range.Revision = 3), With(all, range => (range.Revision, range.CountOnly) = (3, true)), Delete("k/none"), all, Put("k/z")),
            Txn(With(all, range => (range.MinModRevision, range.Limit) = (4, 20)), With(all, range => (range.MaxCreateRevision, range.KeysOnly) = (3, true))),
            Txn(With(all, range => range.Limit = 250), With(all, range => range.Revision = 100), all),
            Txn(With(all, range => range.Revision = 1), all),
            Txn(Put("k/0001"), With(all, range => range.Limit = 1), With(all, range => range.Revision = 3), With(all, range => (range.Revision, range.CountOnly) = (4, true)), Put("k/z")),
            Txn(With(all, range => range.Limit = long.MaxValue), With(Ordered(Order.Descend, Target.Key), range => range.Limit = long.MaxValue)),
            Txn(Put("k/0001"), With(Range("k/00"), range => range.Limit = long.MaxValue), With(Range("k/000"), range => range.Limit = long.MaxValue), Put("k/z")),
            Txn(With(Range("k/000"), range => range.Limit = long.MaxValue), Get("k/0007"), With(Get("k/0007"), range => range.Revision = 3), Get("k/none")),
            Txn(all, Put("k/0001"), Put("k/0002"), With(all, range => range.CountOnly = true), Put("k/0003"), Ordered(Order.Descend, Target.Mod)),
        ];
        foreach (var channel in new[] { reference, _server.Channel })
            await Fill(channel, "k/", 300, i => Value(i % 7 == 0 ? 2_000 : 20, i));

        foreach (var request in requests)
        {
            var expected = await Answer(reference, request);
            Assert.Equal(expected, await Answer(_server.Channel, request));
            Assert.Equal(expected.Contains("OutOfRange", StringComparison.Ordinal), expected.Contains("future", StringComparison.Ordinal));
        }

        await reference.Compact(6);
        await _server.Channel.Compact(6);
        Assert.Equal(await Answer(reference, requests[4]), await Answer(_server.Channel, requests[4]));
        await _server.IsFine();
    }

    [Fact]
    public async Task A_transaction_reads_many_megabytes_whole_also_compressed()
    {
        await Fill(_server.Channel, "large/", 4_000, i => Value(5_000, i));
        var request = Txn(Range("large/"), Put("other"), With(Range("large/"), range => range.Limit = 3_500), Ordered(Order.Descend, Target.Key, "large/"));
        var reply = await _server.Channel.Txn(request);
        Assert.Equal([4_000, 3_500, 4_000], new[] { 0, 2, 3 }.Select(i => reply.Responses[i].ResponseRange.Kvs.Count));
        Assert.Equal([false, true, false], new[] { 0, 2, 3 }.Select(i => reply.Responses[i].ResponseRange.More));
        Assert.Equal(reply.Responses[0].ResponseRange.Kvs.Reverse(), reply.Responses[3].ResponseRange.Kvs);
        Assert.All(reply.Responses[0].ResponseRange.Kvs.Select((pair, i) => (pair, i)), item => Assert.Equal(Value(5_000, item.i), item.pair.Value));
        var small = Txn(With(Range("large/"), range => range.Limit = 100), Range("large/0001"));
        var plain = await _server.Channel.Txn(small);
        using var client = new GrpcClient(_server.Address);
        var compressed = await client.Call(EtcdMethods.Txn, small, ("grpc-accept-encoding", "gzip"));
        Assert.Equal((StatusCode.OK, plain), (compressed.Status, compressed.Only(TxnResponse.Parser)));
        request = Txn([.. Enumerable.Range(0, 100).SelectMany(i => new[] { Get($"large/{i:0000}"), With(Get($"large/{i:0000}"), range => range.Revision = 41) })]);
        reply = await _server.Channel.Txn(new TxnRequest { Success = { Nested([.. request.Success.Take(100)]), Nested([.. request.Success.Skip(100)]) } });
        Assert.All(
            reply.Responses.SelectMany(half => half.ResponseTxn.Responses).Select((got, i) => (got, i)),
            item => Assert.Equal(Value(5_000, item.i / 2), Assert.Single(item.got.ResponseRange.Kvs).Value));
        await _server.IsFine();
    }

    [Fact]
    public async Task Transactions_whose_replies_no_message_can_hold_are_refused_and_hold_up_nobody()
    {
        await Fill(_server.Channel, "many/", 50_000, i => Value(100, i));
        await Fill(_server.Channel, "some/", 2_000, i => Value(100, i));
        TxnRequest[] requests = [Many(Range("many/"), 32), Many(Range("some/"), 32), Many(Range("some/"), 24), Many(Range("many/"), 20)];
        using var ended = new CancellationTokenSource();
        var puts = Task.Run(async () =>
        {
            for (var i = 0; !ended.IsCancellationRequested; i++)
                await _server.Channel.Put($"meanwhile/{i % 10}", "here").WaitAsync(LongestPut);
        });
        var errors = await Task.WhenAll(requests.Select(request => Assert.ThrowsAsync<RpcException>(() => _server.Channel.Txn(request))));
        Assert.All(errors, error => Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode));
        requests[0].Success.RemoveAt(0);
        requests[0].Success[0] = Put("not/put");
        errors = [await Assert.ThrowsAsync<RpcException>(() => _server.Channel.Txn(requests[0]))];
        Assert.Equal(StatusCode.ResourceExhausted, errors[0].StatusCode);
        Assert.Null(await _server.Channel.Get("not/put"));
        await ended.CancelAsync();
        await puts;
        await _server.IsFine();
    }

    [Fact]
    public async Task Thousands_of_gets_of_one_large_value_are_sent_one_after_the_other()
    {
        await _server.Channel.Put(new PutRequest { Key = ByteString.CopyFromUtf8("one"), Value = Value(1 << 20, 1) });
        var request = Many(Get("one"), 10);
        var reply = await _server.Channel.Txn(new TxnRequest { Success = { request.Success[0].Clone() } });
        Assert.All(
            reply.Responses[0].ResponseTxn.Responses.SelectMany(inner => inner.ResponseTxn.Responses),
            got => Assert.Equal(1 << 20, got.ResponseRange.Kvs[0].Value.Length));
        var connection = await RawHttp2.Open(_server.Address);
        for (var stream = 1; stream < 10; stream += 2)
        {
            await connection.Request(stream, EtcdMethods.Txn);
            await connection.Frame(RawHttp2.Data, RawHttp2.EndStream, stream, GrpcClient.Frame(request));
        }

        for (var i = 0; i < 10; i++)
        {
            await _server.IsFine();
            await Task.Delay(100);
        }

        var error = await Assert.ThrowsAsync<RpcException>(() => _server.Channel.Txn(Many(Get("one"), 13)));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        error = await Assert.ThrowsAsync<RpcException>(() => _server.Channel.Txn(Txn(Put("a"), request.Success[0], Put("z"))));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
        Assert.Null(await _server.Channel.Get("a"));
        connection.Dispose();
        await _server.IsFine();
    }

    [Fact]
    public async Task Nested_ranges_over_few_keys_are_not_all_held_at_once()
    {
        await Fill(_server.Channel, "some/", 2_000, i => Value(100, i));
        var connections = new List<RawHttp2>();
        for (var i = 0; i < 20; i++)
        {
            // Replies of over 150 MB each, of which 64 KiB are taken.
            var connection = await RawHttp2.Open(_server.Address);
            await connection.Request(1, EtcdMethods.Txn);
            await connection.Frame(RawHttp2.Data, RawHttp2.EndStream, 1, GrpcClient.Frame(Many(Range("some/"), 9)));
            connections.Add(connection);
        }

        for (var i = 0; i < 20; i++)
        {
            await _server.IsFine();
            await Task.Delay(100);
        }

        connections.ForEach(static connection => connection.Dispose());
        await _server.IsFine();
    }

    [Fact]
    public async Task Thirty_slow_readers_of_lists_in_other_orders_cost_bounded_memory()
    {
        await Fill(_server.Channel, "list/", 100_000, i => Value(512, i));
        await _server.IsFine();
        var readers = new List<RawHttp2>();
        RequestOp[] ranges =
        [
            Ordered(Order.Descend, Target.Key, "list/"), Ordered(Order.Ascend, Target.Mod, "list/"), Ordered(Order.Descend, Target.Create, "list/"),
            With(Range("list/"), range => range.MinModRevision = 2), Ordered(Order.Ascend, Target.Value, "list/"),
        ];
        for (var i = 0; i < 30; i++)
        {
            var connection = await RawHttp2.Open(_server.Address);
            await connection.Request(1, EtcdMethods.Range);
            await connection.Frame(RawHttp2.Data, RawHttp2.EndStream, 1, GrpcClient.Frame(ranges[i % ranges.Length].RequestRange));
            readers.Add(connection);
        }

        for (var i = 0; i < 30; i++)
        {
            using var limit = new CancellationTokenSource(Wait.Limit);
            await _server.Channel.Put("meanwhile", "here", cancellation: limit.Token);
            await Task.Delay(100);
        }

        readers.ForEach(static reader => reader.Dispose());
        var list = await _server.Channel.Range(With(ranges[0], range => range.Limit = 3).RequestRange);
        Assert.Equal(["list/99999", "list/99998", "list/99997"], list.Kvs.Select(pair => pair.Key.ToStringUtf8()));
        Assert.Equal((100_000, true), (list.Count, list.More));
    }

    private static async Task<string> Answer(EtcdChannel channel, TxnRequest request)
    {
        try
        {
            return RangeText.Of(request, await channel.Txn(request));
        }
        catch (RpcException error)
        {
            return $"{error.StatusCode} {error.Status.Detail}";
        }
    }

    private static async Task Fill(EtcdChannel channel, string prefix, int keys, Func<int, ByteString> value)
    {
        var digits = (keys - 1).ToString().Length;
        var several = new ParallelOptions { MaxDegreeOfParallelism = keys < 1_000 ? 1 : 8 };
        await Parallel.ForEachAsync(Enumerable.Range(0, keys).Chunk(PutsOfTxn), several, async (page, given) =>
        {
            var txn = new TxnRequest();
            foreach (var i in page)
            {
                var key = ByteString.CopyFromUtf8(prefix + i.ToString().PadLeft(Math.Max(digits, prefix == "k/" ? 4 : digits), '0'));
                txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = key, Value = value(i) } });
            }

            await channel.Txn(txn, given);
        });
    }

    private static ByteString Value(int length, int seed)
    {
        var value = new byte[length];
        new Random(seed).NextBytes(value);
        return ByteString.CopyFrom(value);
    }

    private static TxnRequest Txn(params RequestOp[] operations) => new() { Success = { operations.Select(static operation => operation.Clone()) } };

    private static RequestOp Nested(params RequestOp[] operations) => new() { RequestTxn = Txn(operations) };

    // A transaction of that many transactions of that many transactions of that many ranges.
    private static TxnRequest Many(RequestOp range, int times)
    {
        var ranges = Enumerable.Repeat(range, times).ToArray();
        return Txn([.. Enumerable.Repeat(Nested([.. Enumerable.Repeat(Nested(ranges), times)]), times)]);
    }

    private static RequestOp Put(string key) => new() { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8("put") } };

    private static RequestOp Delete(string key) => new() { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) } };

    private static RequestOp Get(string key) => new() { RequestRange = new RangeRequest { Key = ByteString.CopyFromUtf8(key) } };

    private static RequestOp Range(string prefix) => new()
    {
        RequestRange = new RangeRequest { Key = ByteString.CopyFromUtf8(prefix), RangeEnd = ByteString.CopyFromUtf8(prefix[..^1] + (char)(prefix[^1] + 1)) },
    };

    private static RequestOp Ordered(Order order, Target target, string prefix = "k/", long limit = 0, bool keysOnly = false) =>
        With(Range(prefix), range => (range.SortOrder, range.SortTarget, range.Limit, range.KeysOnly) = (order, target, limit, keysOnly));

    private static RequestOp With(RequestOp range, Action<RangeRequest> change)
    {
        var changed = range.Clone();
        change(changed.RequestRange);
        return changed;
    }
}
