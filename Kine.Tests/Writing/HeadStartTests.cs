using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Index;
using Kine.Tests.Grains;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Kine.Tests.Writing;

/// <summary>The load of the index, before the process may write and afterwards, while an earlier writer may be deleting still.</summary>
public sealed class HeadStartTests : IAsyncLifetime
{
    private readonly MemoryRevisionStore _log = new();

    public async Task InitializeAsync()
    {
        await using var first = await LoneWriter.Start(_log);
        await first.Put("gone", "for good");
        await first.Put("here", "to stay");
        await first.Writer.DeleteRange(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("gone") }, default);
        await first.Writer.Stop();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Deletions_of_an_earlier_writer_during_the_load_bring_no_key_back()
    {
        var store = new DeletingStore(_log) { DeletesInScan = 1 };
        await using var writer = await LoneWriter.Start(store);
        Assert.Equal(["here"], Keys(writer));
        Assert.Equal(2, store.Loads);
    }

    [Fact]
    public async Task What_was_loaded_for_the_fence_that_was_taken_over_is_used()
    {
        var store = new DeletingStore(_log);
        var fence = await _log.ReadFence(default);
        await using var writer = await LoneWriter.Start(store, before: local => local.HeadStart.Follow(fence, NullLogger.Instance));
        Assert.Equal(["here"], Keys(writer));
        Assert.Equal(1, store.Loads);
        Assert.Equal(5, (await writer.Put("more", "of it")).Header.Revision);
    }

    [Fact]
    public async Task What_was_loaded_is_of_no_use_once_something_was_deleted()
    {
        var store = new DeletingStore(_log) { DeletesInScan = 1 };
        var fence = await _log.ReadFence(default);
        await using var writer = await LoneWriter.Start(store, before: local => local.HeadStart.Follow(fence, NullLogger.Instance));
        Assert.Equal(["here"], Keys(writer));
        Assert.Equal(2, store.Loads);
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(0, 1, 0)]
    [InlineData(0, 0, -1)]
    public async Task What_was_loaded_for_another_fence_is_of_no_use(int epochs, int counts, int revisions)
    {
        var store = new DeletingStore(_log);
        var fence = await _log.ReadFence(default);
        var other = fence with { Epoch = fence.Epoch + epochs, Counter = fence.Counter + counts, LastRevision = fence.LastRevision + revisions };
        await using var writer = await LoneWriter.Start(store, before: local => local.HeadStart.Follow(other, NullLogger.Instance));
        Assert.Equal(["here"], Keys(writer));
        Assert.Equal(4, writer.Local.Writer!.State.Revision);
        Assert.InRange(store.Loads, 1, 2);
    }

    [Fact]
    public async Task A_holder_that_lives_and_a_store_that_is_away_leave_nothing_behind()
    {
        var store = new DeletingStore(_log) { IsAway = true };
        var fence = await _log.ReadFence(default);
        await using var writer = await LoneWriter.Start(store, before: local =>
        {
            local.HeadStart.Follow(fence, NullLogger.Instance);
            Assert.True(SpinWait.SpinUntil(() => store.Loads > 0, Wait.Limit));
            store.IsAway = false;
        });
        Assert.Equal(["here"], Keys(writer));
        Assert.Equal(2, store.Loads);
        writer.Local.HeadStart.Follow(fence, NullLogger.Instance);
        writer.Local.HeadStart.Follow(null, NullLogger.Instance);
        Assert.Null(await writer.Local.HeadStart.Take(fence with { Epoch = fence.Epoch + 1, Counter = fence.Counter + 1 }, fence.LastRevision));
    }

    private static List<string> Keys(LoneWriter writer)
    {
        var keys = new List<string>();
        var cursor = writer.Local.Writer!.Index.Range(KeyRange.All, writer.Local.Writer.State.Revision);
        while (cursor.MoveNext())
            keys.Add(System.Text.Encoding.UTF8.GetString(cursor.Key));

        return keys;
    }

    // Another process deletes what is gone, versions and tombstone, while this one scans a record at a time.
    private sealed class DeletingStore(IRevisionStore inner) : FaultyStore(inner), IRevisionStore
    {
        private readonly IRevisionStore _inner = inner;
        private int _loads;
        private int _scans;
        private long _removed;

        public int DeletesInScan { get; init; } = -1;

        public volatile bool IsAway;

        public int Loads => Volatile.Read(ref _loads);

        Task<long?> IRevisionStore.RemovedBytes(CancellationToken cancellationToken) => Task.FromResult<long?>(Interlocked.Read(ref _removed));

        async Task<RecordId?> IRevisionStore.ScanMetadata(
            RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
        {
            if (after.Revision == 0)
                Interlocked.Increment(ref _loads);

            if (IsAway)
                throw new StoreUnavailableException("away");

            if (Interlocked.Increment(ref _scans) - 1 == DeletesInScan)
            {
                await _inner.Delete(new RecordId[] { new(2, 0), new(4, 0) }, cancellationToken);
                Interlocked.Add(ref _removed, 100);
            }

            return await _inner.ScanMetadata(after, toRevision, 1, visit, cancellationToken);
        }
    }
}
