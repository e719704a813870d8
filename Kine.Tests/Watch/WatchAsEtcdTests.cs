using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>The corners of the watch API that random operations rarely meet, played on a real etcd and on kine: the replies must be the same.</summary>
public sealed class WatchAsEtcdTests
{
    [Fact]
    public Task Ending_the_requests_does_not_end_the_events() => Same(async play =>
    {
        await play.Create("a");
        await play.Call.RequestStream.CompleteAsync();
        await Task.Delay(200);
        await play.Channel.Put("a", "1");
        await play.Expect(2);
    });

    [Fact]
    public Task A_compacted_watch_holds_its_id_and_the_progress_until_it_is_cancelled() => Same(async play =>
    {
        for (var i = 0; i < 5; i++)
            await play.Channel.Put("a", $"{i}");

        await play.Channel.Compact(4);
        await play.Create("a", start: 3, more: c => c.WatchId = 9);
        await play.Expect(2);
        await play.Create("a", more: c => c.WatchId = 9);
        await play.Expect(1);
        await play.AskProgress();
        await play.Create("b");
        await play.Expect(1);
        await play.AskProgress();
        await play.Cancel(9);
        await play.Expect(1);
        await play.AskProgress();
        await play.Expect(1);
    });

    [Fact]
    public Task Refusals_ids_and_ranges() => Same(async play =>
    {
        await play.Create("a", more: c => c.WatchId = 1);
        await play.Create("a");
        await play.Create("a");
        await play.Create("a", more: c => c.WatchId = -1);
        await play.Create("a", start: -1);
        await play.Create("b", "a", start: -1);
        await play.Create("b", "b");
        await play.Create("b", "a", more: c => c.WatchId = 1);
        await play.Create("", "\0");
        await play.Create("\0", "\0");
        await play.Expect(10);
        await play.Cancel(1);
        await play.Cancel(1);
        await play.Cancel(77);
        await play.Create("a");
        await play.Expect(2);
    });

    [Fact]
    public Task Progress_with_no_watch_a_waiting_one_and_one_that_began() => Same(async play =>
    {
        await play.AskProgress();
        await play.Create("a", start: 4);
        await play.Expect(1);
        await play.AskProgress();
        await play.Channel.Put("x", "1");
        await play.Channel.Put("x", "2");
        await play.AskProgress();
        await play.Channel.Put("x", "3");
        await Task.Delay(200);
        await play.AskProgress();
        await play.Expect(1);
        await play.Cancel(0);
        await play.AskProgress();
        await play.Expect(1);
    });

    [Fact]
    public Task Previous_pairs_of_one_transaction_are_those_before_it() => Same(async play =>
    {
        await play.Channel.Put("a", "old");
        await play.Channel.Put("b", "old");
        await play.Create("a", "z", more: c => c.PrevKv = true);
        await play.Channel.Txn(new TxnRequest { Success = { Delete("a", "\0"), Put("a", "new"), Put("c", "new") } });
        await play.Channel.Txn(new TxnRequest
        {
            Success =
            {
                new RequestOp { RequestTxn = new TxnRequest { Success = { Put("d", "short") } } },
                new RequestOp { RequestTxn = new TxnRequest { Success = { Delete("d", "") } } },
            },
        });
        await play.Expect(1);
        await play.ExpectEvents(6);
    });

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task Large_replies_are_split_only_when_asked(bool asked) => Same(async play =>
    {
        await play.Create("k", "l", more: c => (c.PrevKv, c.Fragment) = (true, asked));
        for (var i = 0; i < 2; i++)
            await play.Channel.Txn(new TxnRequest { Success = { Put("k1", Large(i)), Put("k2", Large(i)), Put("k3", Large(i)), Put("k4", Large(i)) } });

        await play.Expect(asked ? 4 : 3);
    });

    private static string Large(int i) => new((char)('a' + i), 350_000);

    private static RequestOp Put(string key, string value) => new()
    {
        RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) },
    };

    private static RequestOp Delete(string key, string end) => new()
    {
        RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key), RangeEnd = ByteString.CopyFromUtf8(end) },
    };

    private static async Task Same(Func<Play, Task> act)
    {
        await using var etcd = await EtcdServer.StartNew();
        await using var kine = await KineServer.StartNew();
        var expected = await Perform(etcd, act);
        var actual = await Perform(kine, act);
        Assert.NotEmpty(expected);
        Assert.Equal(expected, actual);
    }

    private static async Task<string[]> Perform(EtcdApiServer server, Func<Play, Task> act)
    {
        using var channel = new EtcdChannel(server.Address);
        using var call = channel.Watch.Watch();
        var play = new Play(channel, call);
        await act(play);
        return [.. play.Replies];
    }

    private sealed class Play(EtcdChannel channel, WatchCall call)
    {
        public EtcdChannel Channel => channel;

        public WatchCall Call => call;

        public List<string> Replies { get; } = [];

        public Task Create(string key, string end = "", long start = 0, Action<WatchCreateRequest>? more = null)
        {
            var create = new WatchCreateRequest { Key = ByteString.CopyFromUtf8(key), RangeEnd = ByteString.CopyFromUtf8(end), StartRevision = start };
            more?.Invoke(create);
            return call.Write(new WatchRequest { CreateRequest = create });
        }

        public Task Cancel(long id) => call.Write(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });

        public Task AskProgress() => call.Write(new WatchRequest { ProgressRequest = new WatchProgressRequest() });

        /// <summary>Notes that many replies.</summary>
        public async Task Expect(int replies)
        {
            for (var i = 0; i < replies; i++)
                Replies.Add(Text(await Read()));
        }

        /// <summary>Notes that many events, however they are grouped.</summary>
        public async Task ExpectEvents(int events)
        {
            var seen = 0;
            while (seen < events)
            {
                var reply = await Read();
                seen += reply.Events.Count;
                Replies.AddRange(reply.Events.Select(Text));
            }
        }

        private async Task<WatchResponse> Read()
        {
            using var limit = new CancellationTokenSource(Wait.Limit);
            return await call.Read(limit.Token) ?? throw new InvalidOperationException($"the stream ended after:\n{string.Join('\n', Replies)}");
        }

        private static string Text(WatchResponse reply) =>
            $"rev {reply.Header.Revision} id {reply.WatchId} created {reply.Created} cancelled {reply.Canceled} compacted {reply.CompactRevision} "
            + $"reason '{reply.CancelReason}' fragment {reply.Fragment}: {string.Join(", ", reply.Events.Select(Text))}";

        private static string Text(Event e) => $"{e.Type} {Text(e.Kv)} before {(e.PrevKv is null ? "none" : Text(e.PrevKv))}";

        private static string Text(KeyValue pair) =>
            $"{pair.Key.ToStringUtf8()}={pair.Value.Length}:{(pair.Value.Length < 20 ? pair.Value.ToStringUtf8() : "")} {pair.CreateRevision}/{pair.ModRevision}/{pair.Version}";
    }
}
