using Kine.Backends;
using Kine.Backends.Nats;

namespace Kine.Tests.Stores.Nats;

/// <summary>Deletion gives space back, and what is deleted stays deleted, whatever the server forgets.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsCompactionTests(NatsFixture fixture)
{
    [Fact]
    public async Task Compaction_by_itself_gives_back_the_space_of_what_is_dead()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 10_000, 2000);
        var full = (await store.State()).Bytes;
        List<long> alive = [];
        foreach (var slice in Enumerable.Range(2, (int)last - 1).Chunk(1000))
        {
            alive.AddRange(slice.Where(IsKept).Select(revision => (long)revision));
            await store.Store.Delete(slice.Where(revision => !IsKept(revision)).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        }

        // A tenth lives; a part of the rest may wait for the next time.
        var left = (await store.State()).Bytes;
        Assert.True(left < full * 6 / 10, $"{full} -> {left}");
        await store.Store.Defragment(default);
        left = (await store.State()).Bytes;
        Assert.True(left < full / 5, $"{full} -> {left}");
        Assert.InRange((await store.Store.Size(default)).InUse, full / 20, left);

        await store.AssertHolds(alive, 2000);
        await store.Append(last, 100, 2000);
        alive.AddRange(Enumerable.Range((int)last + 1, 100).Select(revision => (long)revision));
        await store.Reopen();
        await store.AssertHolds(alive, 2000);

        static bool IsKept(int revision) => revision % 10 == 3;
    }

    [Fact]
    public async Task Single_deletions_inside_messages_survive_a_restart()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        var last = await store.Append(1, 1000, 50);
        await store.Store.Delete(Enumerable.Range(2, 1000).Where(revision => revision % 3 == 0).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        List<long> alive = [.. Enumerable.Range(2, 1000).Where(revision => revision % 3 != 0)];
        await store.Reopen();
        await store.AssertHolds(alive, 50);

        await store.TakeOver();
        await store.Store.Delete(new RecordId[] { new(2, 0), new(4, 0), new(5, 0), new(7, 0) }, default);
        alive.RemoveRange(0, 4);
        await store.Store.Defragment(default);
        await store.Reopen();
        await store.AssertHolds(alive, 50);
        Assert.Equal(last, (await store.Store.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Side_rows_survive_the_deletion_of_the_messages_they_came_with()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        for (var i = 0; i < 50; i++)
        {
            var batch = store.Batch(1 + i, 1, 2000);
            batch.Side.Add(new SideRow(SideKind.Lease, [(byte)i], [1]));
            if (i % 2 == 1)
                batch.Side.Add(new SideRow(SideKind.Lease, [(byte)(i - 1)], null));

            await store.Store.Append(batch);
        }
        await store.Store.Delete(Enumerable.Range(2, 50).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        await store.Store.Defragment(default);
        var state = await store.State();
        Assert.InRange(state.Messages, 1, 10);
        await store.Reopen();
        Assert.Equal(
            Enumerable.Range(0, 25).Select(i => (byte)((2 * i) + 1)),
            (await store.Store.ReadSide(default)).Select(row => row.Key[0]).Order());
        Assert.Empty(await store.ReadAll());
        Assert.Equal(51, (await store.Store.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Messages_that_come_back_after_their_deletion_bring_no_record_back()
    {
        // A server may forget deletions when it is killed. Here they are never made: the checkpoint alone has to keep the dead out.
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        await store.Append(1, 500, 300);
        var before = await store.State();
        await store.Store.Delete(Enumerable.Range(2, 499).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        await using (var log = new UncollectedLog(store))
        {
            await log.MakeCheckpoint();
        }

        Assert.True((await store.State()).Messages > before.Messages);
        await store.Reopen();
        await store.AssertHolds([501], 300);

        // The next holder finds them and deletes them at last.
        await store.TakeOver();
        await store.Store.Defragment(default);
        await store.AssertHolds([501], 300);
    }

    [Fact]
    public async Task Strays_of_a_former_holder_are_found_and_deleted()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        long last = 1;
        for (var i = 0; i < 600; i++)
            last = await store.Append(last, 1, 100);

        await store.Store.Delete(Enumerable.Range(3, 590).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        await using (var log = new UncollectedLog(store))
        {
            await log.MakeCheckpoint();
        }

        await store.Reopen();
        await store.TakeOver();
        Assert.True((await store.State()).Messages > 600);
        await store.Append(last, 1, 100);
        await store.Store.Defragment(default);
        Assert.InRange((await store.State()).Messages, 11, 300);
        await store.AssertHolds([2, .. Enumerable.Range(593, 10).Select(revision => (long)revision)], 100);
    }

    /// <summary>Makes a checkpoint as another holder and stops before it deletes anything.</summary>
    private sealed class UncollectedLog(NatsTestStore store) : IAsyncDisposable
    {
        private readonly NatsRevisionStore _store = new(store.Options);

        public async Task MakeCheckpoint()
        {
            var holder = Guid.NewGuid();
            var taken = (await _store.TakeOver(await _store.ReadFence(default), holder, "", TimeSpan.FromSeconds(1), default))!;
            await _store.Compactor.MakeCheckpoint(new FenceToken(taken.Epoch, holder));
        }

        public ValueTask DisposeAsync() => _store.DisposeAsync();
    }
}
