using System.Text;
using Kine.Backends;

namespace Kine.Tests.Stores;

/// <summary>The fence and side state: who may append, and that an append is all or nothing.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task A_take_over_raises_epoch_and_counter_and_names_the_holder()
    {
        Assert.Equal(1, Mine.Epoch);
        var holder = Guid.NewGuid();
        var second = await Store.TakeOver(await Store.ReadFence(default), holder, "[::1]:2379", TimeSpan.FromSeconds(15), default);

        Assert.Equal(new Fence(2, holder, "[::1]:2379", TimeSpan.FromSeconds(15), Mine.Counter + 1, 1), second);
        Assert.Equal(second, await Store.ReadFence(default));
        Assert.False(second!.Released);
    }

    [Fact]
    public async Task A_take_over_of_what_has_moved_meanwhile_is_refused()
    {
        await Store.Renew(Token, default);
        Assert.Null(await Store.TakeOver(Mine, Guid.NewGuid(), "b", TimeSpan.FromSeconds(1), default));

        var now = await Store.ReadFence(default);
        Assert.Null(await Store.TakeOver(now with { Epoch = now.Epoch + 1 }, Guid.NewGuid(), "b", TimeSpan.FromSeconds(1), default));
        await Store.Append(Batch(1, 2, Put(2, "/a", "x")));
        Assert.Null(await Store.TakeOver(now, Guid.NewGuid(), "b", TimeSpan.FromSeconds(1), default));
        Assert.Equal(Mine.Holder, (await Store.ReadFence(default)).Holder);
    }

    [Fact]
    public async Task Of_many_that_take_over_what_they_saw_one_wins()
    {
        var seen = await Store.ReadFence(default);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            Task.Run(() => Store.TakeOver(seen, Guid.NewGuid(), $"host{i}", TimeSpan.FromSeconds(1), default))));

        var winner = Assert.Single(outcomes, outcome => outcome is not null)!;
        Assert.Equal(winner, await Store.ReadFence(default));
    }

    [Fact]
    public async Task Appends_renewals_and_releases_of_a_former_holder_are_refused()
    {
        var old = Token;
        await TakeOver();

        AppendBatch late = new() { Token = old, ExpectedRevision = 1, LastRevision = 2 };
        late.Records.Add(Put(2, "/late", "x"));
        late.Side.Add(new SideRow(SideKind.Meta, Bytes("late"), [1]));
        await Assert.ThrowsAsync<FencedException>(() => Store.Append(late));
        await Assert.ThrowsAsync<FencedException>(() => Store.Renew(old, default));
        await Assert.ThrowsAsync<FencedException>(() => Store.Release(old, default));
        await Assert.ThrowsAsync<FencedException>(() => Store.Append(
            new AppendBatch { Token = Token with { Holder = Guid.NewGuid() }, ExpectedRevision = 1, LastRevision = 1 }));

        Assert.Empty(await ReadAll());
        Assert.Empty(await Store.ReadSide(default));
        Assert.Equal(Mine, await Store.ReadFence(default));
        await Store.Append(Batch(1, 2, Put(2, "/a", "x")));
    }

    [Fact]
    public async Task An_append_after_another_revision_than_the_last_is_refused_and_leaves_nothing()
    {
        await AppendPuts(1, 3);
        var before = await Store.ReadFence(default);
        var gap = Batch(5, 6, Put(6, "/gap", "x"));
        gap.Side.Add(new SideRow(SideKind.Meta, Bytes("gap"), [1]));

        await Assert.ThrowsAsync<FencedException>(() => Store.Append(gap));
        await Assert.ThrowsAsync<FencedException>(() => Store.Append(Batch(3, 5, Put(5, "/back", "x"))));

        Assert.Equal(3, (await ReadAll()).Count);
        Assert.Empty(await Store.ReadSide(default));
        Assert.Equal(before, await Store.ReadFence(default));
    }

    [Fact]
    public async Task Records_out_of_order_are_refused_and_leave_nothing()
    {
        AppendBatch[] wrong =
        [
            Batch(1, 3, Put(3, "/a", "x"), Put(2, "/b", "x")),
            Batch(1, 2, Put(2, "/a", "x"), Put(2, "/b", "x")),
            Batch(1, 2, Put(1, "/a", "x")),
            Batch(1, 2, Put(3, "/a", "x")),
            Batch(1, 2, Put(2, "/a", "x", sub: -1)),
            Batch(1, 0),
        ];
        foreach (var batch in wrong)
            await Assert.ThrowsAsync<ArgumentException>(() => Store.Append(batch));

        Assert.Empty(await ReadAll());
        Assert.Equal(Mine, await Store.ReadFence(default));
    }

    [Fact]
    public async Task A_renewal_moves_only_the_counter_and_a_release_gives_up_the_holder()
    {
        await Store.Renew(Token, default);
        Assert.Equal(Mine with { Counter = Mine.Counter + 1 }, await Store.ReadFence(default));

        await Store.Release(Token, default);
        var released = await Store.ReadFence(default);
        Assert.True(released.Released);
        Assert.Equal((Mine.Epoch, 1L), (released.Epoch, released.LastRevision));
        await Assert.ThrowsAsync<FencedException>(() => Store.Append(Batch(1, 2, Put(2, "/a", "x"))));

        await TakeOver();
        Assert.Equal(2, Mine.Epoch);
    }

    [Fact]
    public async Task Side_rows_are_put_replaced_and_deleted_in_the_append_they_came_with()
    {
        var first = Batch(1, 2, Put(2, "/a", "x"));
        first.Side.Add(new SideRow(SideKind.Lease, [0, 0, 0, 0, 0, 0, 0, 7], [1, 2, 3]));
        first.Side.Add(new SideRow(SideKind.Meta, Bytes("compacted"), []));
        first.Side.Add(new SideRow(SideKind.Meta, [0, 0, 0, 0, 0, 0, 0, 7], [9]));
        await Store.Append(first);
        Assert.Equal(["1:00000007=09", "1:compacted=", "2:00000007=010203"], await Side());

        var second = Batch(2, 2);
        second.Side.Add(new SideRow(SideKind.Meta, Bytes("compacted"), [5]));
        second.Side.Add(new SideRow(SideKind.Meta, Bytes("compacted"), [6]));
        second.Side.Add(new SideRow(SideKind.Lease, [0, 0, 0, 0, 0, 0, 0, 7], null));
        second.Side.Add(new SideRow(SideKind.Alarm, Bytes("never there"), null));
        var counter = (await Store.ReadFence(default)).Counter;
        await Store.Append(second);
        Assert.Equal(["1:00000007=09", "1:compacted=06"], await Side());
        Assert.Equal(counter + 1, (await Store.ReadFence(default)).Counter);
        Assert.Single(await ReadAll());

        async Task<List<string>> Side() => (await Store.ReadSide(default))
            .Select(row => $"{(int)row.Kind}:{string.Concat(row.Key.Select(b => b < 32 ? $"{b}" : $"{(char)b}"))}={Convert.ToHexString(row.Value!)}")
            .Order(StringComparer.Ordinal).ToList();
    }

    [Fact]
    public async Task What_was_appended_is_there_after_a_restart()
    {
        if (!Persists)
        {
            Assert.NotEmpty(Store.Warnings);
            return;
        }
        var batch = Batch(1, 3, Put(2, "/a", "one"), Tombstone(3, "/a"));
        batch.Side.Add(new SideRow(SideKind.Meta, Bytes("cluster"), [4, 2]));
        await Store.Append(batch);
        var before = await Store.ReadFence(default);

        await Reopen();

        Assert.Equal(before, await Store.ReadFence(default));
        var read = await ReadAll();
        Assert.Equal(2, read.Count);
        AssertSame(batch.Records[0], read[0]);
        AssertSame(batch.Records[1], read[1]);
        var row = Assert.Single(await Store.ReadSide(default));
        Assert.Equal("cluster", Encoding.UTF8.GetString(row.Key));
        Assert.Equal([4, 2], row.Value);
    }
}
