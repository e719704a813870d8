using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Bench;
using Kine.Host.Bench.Http2;
using Kine.Host.Bench.Workloads;

namespace Kine.Tests.Bench;

/// <summary>What the bench encodes and reads by hand is what the generated messages say.</summary>
public sealed class RequestEncodingTests : IAsyncLifetime
{
    private const int ValueSize = 700;

    private readonly KeySpace _keys = new("/registry/bench/", "x", 64);
    private readonly ValueSource _values = new(ValueSize, 3);
    private readonly EtcdChannel _channel = new("http://127.0.0.1:1");
    private readonly BenchClient _client;

    public RequestEncodingTests() => _client = new BenchClient(5, _channel, 11);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _channel.DisposeAsync();

    [Fact]
    public void Put()
    {
        var request = PutRequest.Parser.ParseFrom(Encode(new PutWorkload(_keys, 3, inTurn: true, _values)));
        Assert.Equal(0, _keys.NumberOf(request.Key.Span));
        Assert.Equal(64, request.Key.Length);
        Assert.Equal(ValueSize, request.Value.Length);
        Assert.Equal(1, _keys.NumberOf(PutRequest.Parser.ParseFrom(Encode(new PutWorkload(_keys, 3, inTurn: true, _values), times: 2)).Key.Span));
    }

    [Fact]
    public void Create_is_the_transaction_of_a_kube_apiserver()
    {
        var request = TxnRequest.Parser.ParseFrom(Encode(new CreateWorkload(_keys, _values)));
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
        var request = TxnRequest.Parser.ParseFrom(Encode(workload));
        Assert.Equal(777_777, request.Compare[0].ModRevision);
        Assert.Equal(5, _keys.NumberOf(request.Compare[0].Key.Span));
        Assert.Equal(request.Compare[0].Key, request.Success[0].RequestPut.Key);
        Assert.Equal(request.Compare[0].Key, request.Failure[0].RequestRange.Key);

        var done = new TxnResponse { Header = new ResponseHeader { ClusterId = 9, Revision = 800_000 }, Succeeded = true };
        done.Responses.Add(new ResponseOp { ResponsePut = new PutResponse { Header = new ResponseHeader { Revision = 800_000 } } });
        Assert.Null(workload.Check(_client, done.ToByteArray()));
        Assert.Equal(800_000, TxnRequest.Parser.ParseFrom(Encode(workload)).Compare[0].ModRevision);

        var range = new RangeResponse { Header = new ResponseHeader { Revision = 5 } };
        range.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8("k"), CreateRevision = 1, ModRevision = 900_001, Value = ByteString.CopyFromUtf8("v") });
        var conflict = new TxnResponse { Header = new ResponseHeader { Revision = 900_002 } };
        conflict.Responses.Add(new ResponseOp { ResponseRange = range });
        Assert.NotNull(workload.Check(_client, conflict.ToByteArray()));
        Assert.Equal(900_001, TxnRequest.Parser.ParseFrom(Encode(workload)).Compare[0].ModRevision);
    }

    [Fact]
    public void Clients_update_keys_of_their_own()
    {
        var workload = new UpdateWorkload(_keys, new long[100], 8, _values);
        for (var run = 0; run < 500; run++)
        {
            Assert.Equal(5, _keys.NumberOf(TxnRequest.Parser.ParseFrom(Encode(workload)).Compare[0].Key.Span) % 8);
        }
    }

    [Fact]
    public void Get_and_list_and_count()
    {
        var get = RangeRequest.Parser.ParseFrom(Encode(new GetWorkload(_keys, 10, serializable: true)));
        Assert.InRange(_keys.NumberOf(get.Key.Span), 0, 9);
        Assert.True(get.Serializable);
        Assert.Equal(1, get.Limit);

        var list = RangeRequest.Parser.ParseFrom(Encode(new ListWorkload(_keys, 1000, 500, serializable: false)));
        Assert.Equal(0, list.Key[^1]);
        Assert.InRange(_keys.NumberOf(list.Key.Span[..^1]), 0, 499);
        Assert.Equal("/registry/bench/x0", list.RangeEnd.ToStringUtf8());
        Assert.Equal(500, list.Limit);
        Assert.False(list.Serializable);

        var count = RangeRequest.Parser.ParseFrom(Encode(new CountWorkload(_keys, 1000, serializable: false)));
        Assert.Equal("/registry/bench/x/", count.Key.ToStringUtf8());
        Assert.True(count.CountOnly);
    }

    [Fact]
    public void Loading_covers_every_key_once()
    {
        var seen = new HashSet<long>();
        var workload = new LoadWorkload(_keys, 250, _values, ValueSize);
        for (_client.Request.Clear(); workload.TryEncode(_client); _client.Request.Clear())
        {
            foreach (var operation in TxnRequest.Parser.ParseFrom(_client.Request.Span.ToArray()).Success)
            {
                Assert.True(seen.Add(_keys.NumberOf(operation.RequestPut.Key.Span)));
            }
        }

        Assert.Equal(250, seen.Count);
        Assert.Equal(249, seen.Max());
    }

    [Fact]
    public void Short_pages_and_missing_keys_are_faults()
    {
        var page = new RangeResponse { Count = 12 };
        page.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8("k") });
        Assert.Null(new GetWorkload(_keys, 10, false).Check(_client, page.ToByteArray()));
        Assert.NotNull(new GetWorkload(_keys, 10, false).Check(_client, new RangeResponse().ToByteArray()));
        Assert.Null(new CountWorkload(_keys, 12, false).Check(_client, page.ToByteArray()));
        Assert.NotNull(new CountWorkload(_keys, 13, false).Check(_client, page.ToByteArray()));
        var list = new ListWorkload(_keys, 1000, 2, false);
        Encode(list);
        Assert.NotNull(list.Check(_client, page.ToByteArray()));
        page.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8("l") });
        Assert.Null(list.Check(_client, page.ToByteArray()));
        Assert.Throws<InvalidDataException>(() => list.Check(_client, [0x12, 0x7f, 1]));
    }

    [Fact]
    public void A_key_size_without_room_for_a_number_is_refused() =>
        Assert.Contains("--key-size 20", Assert.Throws<BenchException>(() => new KeySpace("/registry/bench/", "x", 20)).Message);

    [Theory]
    [InlineData("10", 10.0)]
    [InlineData("10s", 10.0)]
    [InlineData("500ms", 0.5)]
    [InlineData("1m30s", 90.0)]
    [InlineData("2h", 7200.0)]
    [InlineData("1.5s", 1.5)]
    [InlineData("", null)]
    [InlineData("s", null)]
    [InlineData("5d", null)]
    [InlineData("-5s", null)]
    public void Durations(string text, double? seconds) => Assert.Equal(seconds, BenchArguments.ParseTime(text)?.TotalSeconds);

    private byte[] Encode(Workload workload, int times = 1)
    {
        for (var run = 0; run < times; run++)
        {
            _client.Request.Clear();
            Assert.True(workload.TryEncode(_client));
        }

        return _client.Request.Span.ToArray();
    }
}
