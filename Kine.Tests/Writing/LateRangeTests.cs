using Google.Protobuf;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Reads;
using Kine.Tests.Grains;
using Xunit;

namespace Kine.Tests.Writing;

/// <summary>Ranges of a transaction that are read after it: what they hold, and what becomes of the reply when they cannot be read.</summary>
public sealed class LateRangeTests
{
    private static readonly ByteString From = ByteString.CopyFromUtf8("k");
    private static readonly ByteString End = ByteString.CopyFromUtf8("l");

    [Fact]
    public async Task A_reply_that_is_given_up_gives_everything_back()
    {
        await using var writer = await Filled();
        var room = writer.Local.Values.Room;
        var reply = await writer.Writer.Txn(Txn(RangeRequest.Types.SortTarget.Value), default);
        Assert.Equal(100, reply.Late.Count);
        Assert.Equal((0, 0), (room.Taken, room.Senders));
        await reply.Measure(writer.Local.Writer!, default);
        Assert.Equal((0, 0), (room.Taken, room.Senders));
        await using (var pieces = reply.Late[3].Range!.Pieces(default).GetAsyncEnumerator())
        {
            Assert.True(await pieces.MoveNextAsync());
            Assert.Equal(1, room.Senders);
            Assert.True(room.Taken > 5_000);
        }

        var waiting = writer.Local.Pins.WaitBelow(long.MaxValue, Wait.Limit, TimeProvider.System);
        Assert.False(waiting.IsCompleted);
        reply.Dispose();
        await waiting.WaitAsync(Wait.Limit);
        Assert.Equal((0, 0), (room.Taken, room.Senders));
    }

    [Fact]
    public async Task A_caller_that_gave_up_keeps_nothing_from_compaction()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        await using var writer = await LoneWriter.Start(store);
        await Fill(writer);
        using var givenUp = new CancellationTokenSource();
        Task<TxnReply> txn;
        using (await store.HoldAppends())
        {
            _ = writer.Put("x", "under way");
            txn = writer.Writer.Txn(Txn(RangeRequest.Types.SortTarget.Mod, new RequestOp { RequestPut = new PutRequest { Key = From } }), givenUp.Token);
            await Task.Delay(50);
            await givenUp.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => txn);
        }

        await writer.Put("x", "later");
        await writer.Local.Pins.WaitBelow(long.MaxValue, TimeSpan.FromDays(1), TimeProvider.System).WaitAsync(Wait.Limit);
    }

    [Fact]
    public async Task What_has_written_is_never_refused_afterwards()
    {
        await using var server = await GrainServer.Start(new MemoryRevisionStore());
        for (var i = 0; i < 50; i++)
            await server.Put($"k{i}", "value");

        var room = server.Process.Values.Room;
        using (room.Take(room.Limit))
        {
            var error = await Assert.ThrowsAsync<EtcdException>(() => server.Api.Txn(Txn(RangeRequest.Types.SortTarget.Value), default));
            Assert.Equal(StatusCode.ResourceExhausted, error.Code);
            var put = new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("written") } };
            error = await Assert.ThrowsAsync<EtcdException>(() => server.Api.Txn(Txn(RangeRequest.Types.SortTarget.Value, put), default));
            Assert.Equal((StatusCode.Unavailable, "etcdserver: request timed out"), (error.Code, error.Message));
        }

        Assert.Equal("", await server.Get("written"));
        using var reply = await server.Api.Txn(Txn(RangeRequest.Types.SortTarget.Value), default);
        Assert.All(reply.Late, late => Assert.Equal(50, late.Range!.Pairs));
    }

    private static async Task<LoneWriter> Filled()
    {
        var writer = await LoneWriter.Start(new MemoryRevisionStore());
        await Fill(writer);
        return writer;
    }

    private static async Task Fill(LoneWriter writer)
    {
        for (var i = 0; i < 50; i++)
            await writer.Put($"k{i}", new string('v', 100 + i));
    }

    private static TxnRequest Txn(RangeRequest.Types.SortTarget target, params RequestOp[] first)
    {
        var range = new RangeRequest { Key = From, RangeEnd = End, SortTarget = target, SortOrder = RangeRequest.Types.SortOrder.Descend };
        return new TxnRequest { Success = { first, Enumerable.Range(0, 100).Select(_ => new RequestOp { RequestRange = range }) } };
    }
}
