using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Bench.Workloads;
using Kine.Host.Client;

namespace Kine.Tests.Bench;

/// <summary>What the bench asks for, and what it accepts as an answer.</summary>
public sealed class WorkloadTests : IDisposable
{
    private const int ValueSize = 700;

    private readonly BenchKeys _keys = new("/registry/bench/", "x", 64);
    private readonly ValueSource _values = new(ValueSize, 3);
    private readonly EtcdChannel _channel = new("http://127.0.0.1:1");
    private readonly BenchClient _client;

    public WorkloadTests() => _client = new BenchClient(5, _channel, 11);

    public void Dispose() => _channel.Dispose();

    [Fact]
    public void Puts_in_turn_take_the_scattered_order()
    {
        var workload = new PutWorkload(_keys, 3, inTurn: true, _values);
        var first = workload.Request(_client);
        Assert.Equal(0, _keys.NumberOf(first.Key.Span));
        Assert.Equal(64, first.Key.Length);
        Assert.Equal(ValueSize, first.Value.Length);
        Assert.Equal(1, _keys.NumberOf(workload.Request(_client).Key.Span));
        Assert.NotNull(workload.Check(_client, new PutResponse()));
    }

    [Fact]
    public void A_watched_put_says_its_round_and_remembers_the_highest_revision()
    {
        var workload = new StampedPutWorkload(_keys, 3, _values, 77);
        var request = workload.Request(_client);
        Assert.Equal(77, WatchStamp.Read(request.Value.Span).Round);
        Assert.Equal(ValueSize, request.Value.Length);
        Assert.Null(workload.Check(_client, new PutResponse { Header = new ResponseHeader { Revision = 9 } }));
        Assert.Null(workload.Check(_client, new PutResponse { Header = new ResponseHeader { Revision = 8 } }));
        Assert.NotNull(workload.Check(_client, new PutResponse()));
        Assert.Equal(9, workload.LastRevision);
    }

    [Fact]
    public void Create_is_the_transaction_of_a_kube_apiserver()
    {
        var request = new CreateWorkload(_keys, _values).Request(_client);
        var compare = Assert.Single(request.Compare);
        Assert.Equal(Compare.Types.CompareTarget.Mod, compare.Target);
        Assert.Equal(Compare.Types.CompareResult.Equal, compare.Result);
        Assert.Equal(Compare.TargetUnionOneofCase.ModRevision, compare.TargetUnionCase);
        Assert.Equal(0, compare.ModRevision);
        var put = Assert.Single(request.Success).RequestPut;
        Assert.Equal(compare.Key, put.Key);
        Assert.Equal(ValueSize, put.Value.Length);
        Assert.Empty(request.Failure);
    }

    [Fact]
    public void Update_compares_the_revision_learned_from_the_reply_before()
    {
        var workload = new UpdateWorkload(_keys, [0, 0, 0, 0, 0, 777_777], 6, _values);
        var request = workload.Request(_client);
        Assert.Equal(777_777, request.Compare[0].ModRevision);
        Assert.Equal(5, _keys.NumberOf(request.Compare[0].Key.Span));
        Assert.Equal(request.Compare[0].Key, request.Success[0].RequestPut.Key);
        Assert.Equal(request.Compare[0].Key, request.Failure[0].RequestRange.Key);

        var done = new TxnResponse { Header = new ResponseHeader { ClusterId = 9, Revision = 800_000 }, Succeeded = true };
        done.Responses.Add(new ResponseOp { ResponsePut = new PutResponse { Header = new ResponseHeader { Revision = 800_000 } } });
        Assert.Null(workload.Check(_client, done));
        Assert.Equal(800_000, workload.Request(_client).Compare[0].ModRevision);

        var range = new RangeResponse { Header = new ResponseHeader { Revision = 5 } };
        range.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8("k"), CreateRevision = 1, ModRevision = 900_001, Value = ByteString.CopyFromUtf8("v") });
        var conflict = new TxnResponse { Header = new ResponseHeader { Revision = 900_002 } };
        conflict.Responses.Add(new ResponseOp { ResponseRange = range });
        Assert.NotNull(workload.Check(_client, conflict));
        Assert.Equal(900_001, workload.Request(_client).Compare[0].ModRevision);
    }

    [Fact]
    public void Clients_update_keys_of_their_own()
    {
        var workload = new UpdateWorkload(_keys, new long[100], 8, _values);
        for (var run = 0; run < 500; run++)
            Assert.Equal(5, _keys.NumberOf(workload.Request(_client).Compare[0].Key.Span) % 8);
    }

    [Fact]
    public void Get_and_list_and_count()
    {
        var get = new GetWorkload(_keys, 10, serializable: true).Request(_client);
        Assert.InRange(_keys.NumberOf(get.Key.Span), 0, 9);
        Assert.True(get.Serializable);
        Assert.Equal(1, get.Limit);

        var list = new ListWorkload(_keys, 1000, 500, serializable: false).Request(_client);
        Assert.Equal(0, list.Key[^1]);
        Assert.InRange(_keys.NumberOf(list.Key.Span[..^1]), 0, 499);
        Assert.Equal("/registry/bench/x0", list.RangeEnd.ToStringUtf8());
        Assert.Equal(500, list.Limit);
        Assert.False(list.Serializable);

        var count = new CountWorkload(_keys, 1000, serializable: false).Request(_client);
        Assert.Equal("/registry/bench/x/", count.Key.ToStringUtf8());
        Assert.True(count.CountOnly);
    }

    [Fact]
    public void Loading_covers_every_key_once()
    {
        var seen = new HashSet<long>();
        var workload = new LoadWorkload(_keys, 250, _values, ValueSize);
        while (workload.Request(_client) is { } request)
        {
            foreach (var operation in request.Success)
                Assert.True(seen.Add(_keys.NumberOf(operation.RequestPut.Key.Span)));
        }

        Assert.Equal(3, workload.Batches);
        Assert.Equal(250, seen.Count);
        Assert.Equal(249, seen.Max());
    }

    [Fact]
    public void Loading_stays_below_the_largest_request()
    {
        var request = new LoadWorkload(_keys, 100, new ValueSource(400_000, 1), 400_000).Request(_client)!;
        Assert.Equal(2, request.Success.Count);
        Assert.InRange(request.CalculateSize(), 800_000, 1_000_000);
    }

    [Fact]
    public void Short_pages_and_missing_keys_are_faults()
    {
        var page = new RangeResponse { Count = 12 };
        page.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8("k") });
        Assert.Null(new GetWorkload(_keys, 10, false).Check(_client, page));
        Assert.NotNull(new GetWorkload(_keys, 10, false).Check(_client, new RangeResponse()));
        Assert.Null(new CountWorkload(_keys, 12, false).Check(_client, page));
        Assert.NotNull(new CountWorkload(_keys, 13, false).Check(_client, page));
        var list = new ListWorkload(_keys, 1000, 2, false);
        list.Request(_client);
        Assert.NotNull(list.Check(_client, page));
        page.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8("l") });
        Assert.Null(list.Check(_client, page));
    }

    [Fact]
    public void A_walk_goes_on_behind_the_last_key_at_one_revision_and_notices_missing_keys()
    {
        var client = new BenchClient(0, _channel, 1);
        var walk = new WalkWorkload(_keys, 2, 1);

        Assert.Equal(0, walk.Request(client)!.Revision);
        Assert.Null(walk.Check(client, Page(41, 3, more: true, "a", "b")));
        var second = walk.Request(client)!;
        Assert.Equal(41, second.Revision);
        Assert.Equal("b\0", second.Key.ToStringUtf8());
        Assert.Null(walk.Check(client, Page(50, 1, more: false, "c")));
        Assert.Null(walk.Request(client));

        Assert.Equal(0, walk.Request(client)!.Revision);
        Assert.Null(walk.Check(client, Page(60, 4, more: true, "a", "b")));
        walk.Request(client);
        Assert.Contains("3 of 4", walk.Check(client, Page(60, 2, more: false, "c")));
    }

    [Fact]
    public void A_key_size_without_room_for_a_number_is_refused() =>
        Assert.Contains("--key-size 20", Assert.Throws<BenchException>(() => new BenchKeys("/registry/bench/", "x", 20)).Message);

    private static RangeResponse Page(long revision, long count, bool more, params string[] found)
    {
        var page = new RangeResponse { Header = new ResponseHeader { Revision = revision }, Count = count, More = more };
        foreach (var key in found)
            page.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8(key), ModRevision = 3, Value = ByteString.CopyFromUtf8("v") });

        return page;
    }
}
