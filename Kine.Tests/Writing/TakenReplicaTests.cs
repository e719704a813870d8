using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.SideState;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Kine.Tests.Grains;
using Kine.Tests.Watch;

namespace Kine.Tests.Writing;

/// <summary>What a writer begins with: the replica of its process, or a load of its own, while an earlier writer may be deleting still.</summary>
public sealed class TakenReplicaTests : IAsyncLifetime
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
    public async Task A_writer_goes_on_with_the_replica_of_its_process()
    {
        var store = new DeletingStore(_log);
        await using var writer = await LoneWriter.Start(store, before: Load);
        Assert.Equal(["here"], Keys(writer));
        Assert.Equal(1, store.Loads);
        Assert.Equal(5, (await writer.Put("more", "of it")).Header.Revision);
        Assert.Equal(["here", "more"], Keys(writer));
    }

    [Fact]
    public async Task What_was_appended_behind_the_replica_is_read_from_the_log()
    {
        var store = new DeletingStore(_log);
        await using var writer = await LoneWriter.Start(store, before: async local =>
        {
            await Load(local);
            await using var other = await LoneWriter.Start(_log);
            await other.Put("later", "than that");
            await other.Writer.DeleteRange(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("here") }, default);
            await other.Writer.Stop();
        });
        Assert.Equal(["later"], Keys(writer));
        Assert.Equal(1, store.Loads);
        Assert.Equal(6, store.TailScans); // one a record, those that are compared too, and one that finds nothing more
        await using var stream = new TestStream(writer.Hub);
        await stream.Watch("here", start: 5);
        await writer.Put("here", "again");
        Assert.Equal(["6 -here", "7 here=again"], await stream.Events(2));
    }

    [Fact]
    public async Task A_replica_that_knows_other_records_than_the_store_has_is_of_no_use()
    {
        var other = new MemoryRevisionStore();
        await using (var first = await LoneWriter.Start(other))
        {
            for (var i = 0; i < 5; i++)
                await first.Put("lost", $"{i}");
        }

        var store = new DeletingStore(_log);
        await using var writer = await LoneWriter.Start(store, before: async local =>
        {
            await Load(local);
            local.Replica.Pull = _ => throw EtcdErrors.NoLeader;
            local.Replica.Receive(new EventBatch(4, 6, -1, (await LogEvents.Read(other, new KeyIndex(), 5, 6, 9, 1 << 20, default)).Events));
            await using var next = await LoneWriter.Start(_log);
            await next.Put("went", "on");
            await next.Put("without", "it");
            await next.Put("and", "on");
        });
        Assert.Equal(["and", "here", "went", "without"], Keys(writer));
        Assert.Equal(2, store.Loads);
    }

    [Fact]
    public async Task A_replica_behind_the_compaction_mark_is_of_no_use()
    {
        var store = new DeletingStore(_log);
        await using var writer = await LoneWriter.Start(store, before: async local =>
        {
            await Load(local);
            await using var other = await LoneWriter.Start(_log);
            await other.Writer.DeleteRange(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("here") }, default);
            await other.Put("later", "than that");
            await other.Put("later", "still");
            await other.Writer.Compaction.Compact(new CompactionRequest { Revision = 7, Physical = true });
            await other.Writer.Stop();
        });
        Assert.Equal(["later"], Keys(writer));
        Assert.Equal(2, store.Loads);
    }

    [Fact]
    public async Task A_writer_that_leaves_gives_its_view_back_for_the_next_one()
    {
        var store = new DeletingStore(_log) { IsShared = true };
        await using var writer = await LoneWriter.Start(store);
        await writer.Put("more", "of it");
        var view = writer.Local.Writer!;
        await writer.Writer.Stop();
        Assert.Null(writer.Local.Writer);
        Assert.Same(view, writer.Local.Replica.TryAt(view.State));
        Assert.Same(view, (await writer.Local.Replica.Take(5, -1, default))!.View);
    }

    [Fact]
    public async Task A_load_under_way_is_waited_for_and_one_that_failed_is_done_again()
    {
        var store = new DeletingStore(_log) { IsAway = true };
        await using var writer = await LoneWriter.Start(store, before: async local =>
        {
            await Load(local);
            store.IsAway = false;
        });
        Assert.Equal(["here"], Keys(writer));
        Assert.Equal(2, store.Loads);
        var held = new TaskCompletionSource();
        var slow = new DeletingStore(_log) { HeldUntil = held.Task };
        await writer.Writer.Stop();
        await using var next = await LoneWriter.Start(slow, before: local =>
        {
            _ = Load(local);
            _ = Task.Delay(100).ContinueWith(_ => held.SetResult());
            return Task.CompletedTask;
        });
        Assert.Equal(["here"], Keys(next));
        Assert.Equal(1, slow.Loads);
    }

    [Fact]
    public async Task What_a_compaction_left_in_the_log_is_deleted_before_the_next_one_deletes_anything()
    {
        await using var first = await LoneWriter.Start(_log);
        var store = new DeletingStore(_log);
        await using var writer = await LoneWriter.Start(store, before: async local =>
        {
            await Load(local);
            for (var i = 0; i < 10; i++)
                await first.Put("here", $"{i}");

            // The replica hears of the mark and lets go of what is below it; the writer's process ends before it deletes anything.
            var fence = await _log.ReadFence(default);
            var append = new AppendBatch { Token = new FenceToken(fence.Epoch, fence.Holder), ExpectedRevision = 14, LastRevision = 14 };
            append.Side.Add(MetaRow.Of(MetaRow.CompactRevision, 12));
            await _log.Append(append);
            local.Replica.Pull = after => LogEvents.Read(_log, first.Local.Writer!.Index, after + 1, 14, 100, 1 << 20, default)
                .ContinueWith(page => new EventBatch(after, 14, 12, page.Result.Events));
            await local.Replica.At(new PublishedState(14, 12, 0), default);
        });
        Assert.Equal(1, store.Loads);
        Assert.Equal(13, await Records());
        await writer.Put("here", "last");
        await writer.Writer.Compaction.Compact(new CompactionRequest { Revision = 14, Physical = true });
        Assert.Equal(2, await Records());
        await writer.Writer.Stop();
        await using var again = await LoneWriter.Start(_log);
        Assert.Equal(["here"], Keys(again));
    }

    private static Task Load(ProcessState local) => local.Replica.Load();

    private async Task<int> Records()
    {
        var count = 0;
        await _log.ScanMetadata(new RecordId(0, 0), long.MaxValue, int.MaxValue, (in RecordMetadata _, ReadOnlySpan<byte> _) => count++, default);
        return count;
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

        public bool IsShared { get; init; }

        bool IRevisionStore.IsExclusive => !IsShared;

        public Task HeldUntil { get; init; } = Task.CompletedTask;

        public int TailScans { get; private set; }

        public int Loads => Volatile.Read(ref _loads);

        Task<long> IRevisionStore.Deletions(CancellationToken cancellationToken) => Task.FromResult(Interlocked.Read(ref _removed));

        async Task<RecordId?> IRevisionStore.ScanMetadata(
            RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
        {
            if (after.Revision == 0 && maxRecords > 8192)
                Interlocked.Increment(ref _loads);

            TailScans += maxRecords == 8192 ? 1 : 0;
            await HeldUntil;
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
