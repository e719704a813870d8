using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Kine.Grains.Reads;
using Microsoft.Extensions.DependencyInjection;
using Orleans;

namespace Kine.Tests.Grains;

/// <summary>The writer without gRPC: what it answers, and what it takes back when the store fails.</summary>
public sealed class RevisionGrainTests
{
    [Fact]
    public async Task AStartWaitsForTheLoadLongerThanForAnAnswer()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        var held = await store.HoldAppends(); // the first append of a new store is part of the load
        var answers = TimeSpan.FromMilliseconds(300);
        var starting = GrainHost.Start(store, grains: new GrainHostingOptions { ResponseTimeout = answers });
        await Task.Delay(10 * answers);
        Assert.False(starting.IsCompleted, starting.Exception?.ToString());
        held.Dispose();
        await using var host = await starting;
        Assert.Equal(1, host.Api.Header().Revision);
    }

    [Fact]
    public async Task AWriterThatTakesOverKeepsNobodyWaitingWhoOnlySendsItAMessage()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        IGrainFactory? grains = null;
        var sent = false;
        store.BeforeReadFence = () =>
        {
            store.BeforeReadFence = null;
            using var done = new ManualResetEventSlim();
            new Thread(() =>
            {
                _ = grains!.GetGrain<IRevisionGrain>(RevisionGrain.Key).Status();
                done.Set();
            }).Start();
            sent = done.Wait(Wait.Limit);
        };
        await using var host = await GrainHost.Start(store, built: services => grains = services.GetRequiredService<IGrainFactory>());
        Assert.True(sent);
    }

    [Fact]
    public async Task FirstWriteIsRevisionTwoAndEachWriteTakesOneMore()
    {
        await using var server = await GrainServer.Start(new MemoryRevisionStore());
        Assert.Equal(2, (await server.Put("a", "1")).Header.Revision);
        Assert.Equal(3, (await server.Put("a", "2")).Header.Revision);
        Assert.Equal(0, await server.Delete("missing"));
        Assert.Equal(4, (await server.Put("b", "1")).Header.Revision);
        Assert.Equal("1", await server.Get("a", 2));
        Assert.Equal("2", await server.Get("a"));
    }

    [Fact]
    public async Task FiftyConcurrentCreatesOfOneKeyHaveOneWinner()
    {
        await using var server = await GrainServer.Start(new MemoryRevisionStore());
        var replies = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => server.Api.Txn(Create("k", $"{i}"), CancellationToken.None)));
        Assert.Equal(2, Assert.Single(replies, reply => reply.Response.Succeeded).Response.Header.Revision);
        Assert.Equal(2, (await server.Range(new RangeRequest { Key = GrainServer.Bytes("k") })).Reply.Revision);
    }

    [Fact]
    public async Task ReadsDoNotSeeWhatIsNotDurable()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        await using var server = await GrainServer.Start(store);
        await server.Put("k", "old");
        Task<PutResponse> put;
        using (await store.HoldAppends())
        {
            put = server.Put("k", "new");
            await Task.Delay(50);
            Assert.False(put.IsCompleted);
            Assert.Equal("old", await server.Get("k"));
            await Assert.ThrowsAsync<EtcdException>(() => server.Get("k", 3));
        }

        await put;
        Assert.Equal("new", await server.Get("k"));
    }

    [Fact]
    public async Task AFailedCompareWaitsForWhatItWasEvaluatedOn()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        await using var server = await GrainServer.Start(store);
        Task<PutResponse> put;
        Task<TxnReply> txn;
        using (await store.HoldAppends())
        {
            put = server.Put("k", "v");
            txn = server.Api.Txn(Create("k", "other"), CancellationToken.None);
            await Task.Delay(50);
            Assert.False(txn.IsCompleted);
        }

        await put;
        Assert.False((await txn).Response.Succeeded);
    }

    [Fact]
    public async Task AFailedAppendTakesBackEverythingEvaluatedOnTopOfIt()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        await using var server = await GrainServer.Start(store);
        var lease = await server.Api.LeaseGrant(new LeaseGrantRequest { TTL = 100, ID = 7 }, CancellationToken.None);
        await server.Put("leased", "1", lease.ID);
        await server.Put("k", "old");
        store.BeforeAppend = _ => throw new StoreUnavailableException("gone for now");
        Task[] writes;
        using (await store.HoldAppends())
        {
            writes =
            [
                server.Put("k", "new"),
                server.Delete("leased"),
                server.Api.LeaseRevoke(new LeaseRevokeRequest { ID = 7 }, CancellationToken.None),
                server.Api.LeaseGrant(new LeaseGrantRequest { TTL = 100, ID = 8 }, CancellationToken.None),
                server.Put("k", "newer"),
                server.Put("x", "1"),
            ];
            await Task.Delay(50);
        }

        foreach (var write in writes)
            Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<EtcdException>(() => write)).Code);

        store.BeforeAppend = null;
        Assert.Equal("old", await server.Get("k"));
        Assert.Null(await server.Get("x"));
        Assert.Equal(4, (await server.Put("x", "2")).Header.Revision);
        var left = await server.Api.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 7, Keys = true }, CancellationToken.None);
        Assert.Equal("leased", Assert.Single(left.Keys).ToStringUtf8());
        Assert.Equal(-1, (await server.Api.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 8 }, CancellationToken.None)).TTL);
        await server.Api.LeaseRevoke(new LeaseRevokeRequest { ID = 7 }, CancellationToken.None);
        Assert.Null(await server.Get("leased"));
    }

    [Fact]
    public async Task ALostAnswerIsResolvedByWhatTheStoreHolds()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        await using var server = await GrainServer.Start(store);
        var lose = true;
        store.AfterAppend = _ =>
        {
            if (lose)
            {
                lose = false;
                throw new OutcomeUnknownException("connection cut");
            }
        };
        var before = server.Api.Header().RaftTerm;
        Assert.Equal(2, (await server.Put("k", "v")).Header.Revision);
        Assert.Equal("v", await server.Get("k"));

        var loseBefore = true;
        store.BeforeAppend = first =>
        {
            if (loseBefore)
            {
                loseBefore = false;
                throw new OutcomeUnknownException("connection cut");
            }
        };
        Assert.Equal(3, (await server.Put("k", "sent again")).Header.Revision);
        Assert.Equal("sent again", await server.Get("k"));
        Assert.Equal(4, (await server.Put("k", "next")).Header.Revision);
        Assert.Equal(before + 2, server.Api.Header().RaftTerm);
    }

    [Fact]
    public async Task AWriterThatIsFencedOffAnswersNoMore()
    {
        var memory = new MemoryRevisionStore();
        await using var server = await GrainServer.Start(memory);
        await server.Put("k", "1");
        var seen = await memory.ReadFence(CancellationToken.None);
        Assert.NotNull(await memory.TakeOver(seen, Guid.NewGuid(), "elsewhere", TimeSpan.FromSeconds(3), CancellationToken.None));
        var error = await Assert.ThrowsAsync<EtcdException>(() => server.Put("k", "2"));
        Assert.Equal(StatusCode.Unavailable, error.Code);
    }

    [Fact]
    public async Task LeasesExpireAndDeleteTheirKeysInOneRevision()
    {
        await using var server = await GrainServer.Start(new MemoryRevisionStore(), new WriterOptions { MinimumLeaseTtl = 1 });
        await server.Api.LeaseGrant(new LeaseGrantRequest { TTL = 1, ID = 5 }, CancellationToken.None);
        await server.Put("a", "1", 5);
        await server.Put("b", "1", 5);
        var revision = (await server.Put("c", "1")).Header.Revision;
        var until = DateTime.UtcNow.AddSeconds(30);
        while (await server.Get("a") is not null && DateTime.UtcNow < until)
            await Task.Delay(50);

        (var pairs, var reply) = await server.Range(new RangeRequest { Key = GrainServer.Bytes("a"), RangeEnd = GrainServer.Bytes("z") });
        Assert.Equal("c", Assert.Single(pairs).Key.ToStringUtf8());
        Assert.Equal(revision + 1, reply.Revision);
    }

    [Fact]
    public async Task ALargeListComesInPiecesWithTheLengthItAnnounced()
    {
        await using var server = await GrainServer.Start(new MemoryRevisionStore());
        string value = new('v', 100);
        await Task.WhenAll(Enumerable.Range(0, 20_000).Select(i => server.Put($"/big/{i:d6}", value)));
        (var pairs, var reply) = await server.Range(new RangeRequest { Key = GrainServer.Bytes("/big/"), RangeEnd = GrainServer.Bytes("/big0") });
        Assert.NotNull(reply.Rest);
        Assert.Equal(20_000, pairs.Count);
        Assert.Equal(20_000, reply.Count);
        Assert.Equal(Enumerable.Range(0, 20_000).Select(i => $"/big/{i:d6}"), pairs.Select(pair => pair.Key.ToStringUtf8()));
    }

    [Fact]
    public async Task ValuesThatDecideATransactionAreFetchedWhenTheyAreNotInMemory()
    {
        var store = new MemoryRevisionStore();
        await using var server = await GrainServer.Start(store, new WriterOptions { CacheBytes = 1 });
        await server.Put("k", "value");
        var txn = new TxnRequest
        {
            Compare = { new Compare { Key = GrainServer.Bytes("k"), Target = Compare.Types.CompareTarget.Value, Value = GrainServer.Bytes("value") } },
            Success =
            {
                new RequestOp { RequestPut = new PutRequest { Key = GrainServer.Bytes("k"), IgnoreValue = true, PrevKv = true } },
                new RequestOp { RequestRange = new RangeRequest { Key = GrainServer.Bytes("k") } },
            },
        };
        var reply = (await server.Api.Txn(txn, CancellationToken.None)).Response;
        Assert.True(reply.Succeeded);
        Assert.Equal("value", reply.Responses[0].ResponsePut.PrevKv.Value.ToStringUtf8());
        Assert.Equal("value", Assert.Single(reply.Responses[1].ResponseRange.Kvs).Value.ToStringUtf8());
        Assert.Equal(2, reply.Responses[1].ResponseRange.Kvs[0].Version);
    }

    [Fact]
    public async Task ReadsWhileCompactionRunsAreWholeOrCompacted()
    {
        await using var server = await GrainServer.Start(new MemoryRevisionStore(), new WriterOptions { CacheBytes = 1, CompactBatchSize = 10 });
        long last = 0;
        for (var round = 0; round < 40; round++)
        {
            var puts = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => server.Put($"k{i:d2}", $"{round}")));
            last = puts.Max(put => put.Header.Revision);
            Task compacted = server.Api.Compact(new CompactionRequest { Revision = last - 10, Physical = round % 2 == 0 }, CancellationToken.None);
            var request = new RangeRequest { Key = GrainServer.Bytes("k"), RangeEnd = GrainServer.Bytes("l") };
            (var pairs, _) = await server.Range(request);
            Assert.Equal(50, pairs.Count);
            Assert.All(pairs, pair => Assert.Equal($"{round}", pair.Value.ToStringUtf8()));
            await compacted;
            var error = await Assert.ThrowsAsync<EtcdException>(() => server.Get("k00", last - 11));
            Assert.Equal(StatusCode.OutOfRange, error.Code);
        }
    }

    [Fact]
    public async Task TheServerCompactsByIntervalAndLeavesTheNewestRevisions()
    {
        var options = new WriterOptions { CompactInterval = TimeSpan.FromMilliseconds(100), CompactIntervalJitter = 20, CompactMinRetain = 5 };
        await using var server = await GrainServer.Start(new MemoryRevisionStore(), options);
        long last = 0;
        for (var i = 0; i < 20; i++)
            last = (await server.Put("k", $"{i}")).Header.Revision;

        var until = DateTime.UtcNow.AddSeconds(30);
        HashKVResponse hash;
        do
        {
            await Task.Delay(20);
            hash = await server.Api.HashKV(new HashKVRequest(), CancellationToken.None);
        }
        while (hash.CompactRevision < last - 5 && DateTime.UtcNow < until);

        Assert.Equal(last - 5, hash.CompactRevision);
        Assert.Equal("14", await server.Get("k", last - 5));
        await Assert.ThrowsAsync<EtcdException>(() => server.Get("k", last - 6));
    }

    private static TxnRequest Create(string key, string value) => new()
    {
        Compare = { new Compare { Key = GrainServer.Bytes(key), Target = Compare.Types.CompareTarget.Mod, ModRevision = 0 } },
        Success = { new RequestOp { RequestPut = new PutRequest { Key = GrainServer.Bytes(key), Value = GrainServer.Bytes(value) } } },
    };
}
