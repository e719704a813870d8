using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;

namespace Kine.Tests.Grains;

/// <summary>Requests that need a value from a store that does not give it: answered in time, and what was answered "timed out" before it happened never does.</summary>
public sealed class HangingReadTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly WriterOptions Uncached = new() { CacheBytes = 1, RequestTimeout = TimeSpan.FromSeconds(2) };

    [Fact]
    public async Task ATransactionWhoseValueTheStoreDoesNotGiveIsAnsweredInTimeAndNeverHappens()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        await using var server = await GrainServer.Start(store, Uncached);
        await server.Put("k", "value");
        var hangs = new TaskCompletionSource();
        store.ReadsHeldUntil = hangs.Task;
        var txn = Replace("late");
        var parked = server.Api.Txn(txn, CancellationToken.None);
        Assert.Equal(3, (await server.Put("other", "overtakes")).Header.Revision);

        var error = await Assert.ThrowsAsync<EtcdException>(() => parked.WaitAsync(Limit));

        Assert.Equal((StatusCode.Unavailable, "etcdserver: request timed out"), (error.Code, error.Message));
        store.ReadsHeldUntil = Task.CompletedTask;
        hangs.SetResult();
        Assert.Equal("value", await server.Get("k"));
        Assert.Equal(4, (await server.Put("other", "again")).Header.Revision);
        Assert.True((await server.Api.Txn(txn, CancellationToken.None)).Response.Succeeded);
        Assert.Equal("late", await server.Get("k"));
    }

    [Fact]
    public async Task APutWhosePreviousValueTheStoreDoesNotGiveIsAnsweredInTime()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        await using var server = await GrainServer.Start(store, Uncached);
        await server.Put("k", "value");
        var hangs = new TaskCompletionSource();
        store.ReadsHeldUntil = hangs.Task;
        var put = new PutRequest { Key = GrainServer.Bytes("k"), Value = GrainServer.Bytes("new"), PrevKv = true };

        var error = await Assert.ThrowsAsync<EtcdException>(() => server.Api.Put(put, CancellationToken.None).WaitAsync(Limit));

        Assert.Equal((StatusCode.Unavailable, "etcdserver: request timed out"), (error.Code, error.Message));
        store.ReadsHeldUntil = Task.CompletedTask;
        hangs.SetResult();
        Assert.Equal("new", await server.Get("k"));
    }

    [Fact]
    public async Task AStopWaitsForATransactionWhoseValueIsMissingNoLongerThanItsCallerDoes()
    {
        var store = new FaultyStore(new MemoryRevisionStore());
        var server = await GrainServer.Start(store, Uncached);
        await server.Put("k", "value");
        var hangs = new TaskCompletionSource();
        store.ReadsHeldUntil = hangs.Task;
        Task[] calls;
        Task stopped;
        using (await store.HoldAppends())
        {
            calls = [server.Put("x", "under way"), server.Api.Txn(Replace("late"), CancellationToken.None)];
            await Task.Delay(50);
            stopped = server.DisposeAsync().AsTask();
            await Task.Delay(50);
        }

        await calls[0];
        await stopped.WaitAsync(Limit);
        await Assert.ThrowsAsync<EtcdException>(() => calls[1].WaitAsync(Limit));
        hangs.SetResult();
    }

    private static TxnRequest Replace(string value) => new()
    {
        Compare = { new Compare { Key = GrainServer.Bytes("k"), Target = Compare.Types.CompareTarget.Value, Value = GrainServer.Bytes("value") } },
        Success = { new RequestOp { RequestPut = new PutRequest { Key = GrainServer.Bytes("k"), Value = GrainServer.Bytes(value) } } },
    };
}
