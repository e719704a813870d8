using Kine.Backends;
using Kine.Tests.Faults;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Nats;

/// <summary>Lost answers, cut connections and a killed server: nothing acknowledged is lost, nothing is there twice.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsFaultTests(NatsFixture fixture)
{
    [Fact]
    public async Task An_append_whose_answer_is_lost_is_unknown_and_the_take_over_tells()
    {
        await using var proxy = new FaultProxy(fixture.Server.Port);
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint(proxy.Port));
        var last = await store.Append(1, 10, 100);
        for (var round = 0; round < 3; round++)
        {
            proxy.LosingAnswers = true;
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => store.Append(last, 5, 100));
            proxy.LosingAnswers = false;
            await store.TakeOver();
            Assert.Contains(store.Mine.LastRevision, (long[])[last, last + 5]);
            last = await store.Append(store.Mine.LastRevision, 5, 100);
        }
        Assert.True(proxy.AnswersLost > 0);
        await store.AssertHolds([.. Enumerable.Range(2, (int)last - 1)], 100);
    }

    [Fact]
    public async Task A_take_over_whose_answer_is_lost_is_found_out()
    {
        await using var proxy = new FaultProxy(fixture.Server.Port);
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint(proxy.Port));
        for (var round = 0; round < 3; round++)
        {
            var seen = await store.Store.ReadFence(default);
            var holder = Guid.NewGuid();
            var lost = proxy.AnswersLost;
            proxy.LosingAnswers = true;
            var taking = store.Store.TakeOver(seen, holder, "x", TimeSpan.FromSeconds(1), default);
            while (proxy.AnswersLost == lost)
                await Task.Delay(1);

            proxy.LosingAnswers = false;
            var taken = await taking;
            Assert.Equal((seen.Epoch + 1, holder), (taken!.Epoch, taken.Holder));
            Assert.Equal(taken, await store.Store.ReadFence(default));
        }
    }

    [Fact]
    public async Task Reads_go_on_by_themselves_when_the_connection_was_cut()
    {
        await using var proxy = new FaultProxy(fixture.Server.Port);
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint(proxy.Port));
        await store.Append(1, 100, 100);
        for (var i = 0; i < 5; i++)
        {
            proxy.CutAll();
            await store.AssertHolds([.. Enumerable.Range(2, 100)], 100);
        }
        proxy.Refusing = true;
        proxy.CutAll();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Store.ReadFence(default));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Store.Append(store.Batch(101, 1, 100)));
        proxy.Refusing = false;
        Assert.Equal(101, (await store.Store.ReadFence(default)).LastRevision);
        await store.Append(101, 1, 100);
    }

    [Fact]
    public async Task A_server_killed_under_appends_loses_nothing_that_it_confirmed()
    {
        await using var server = new NatsServer();
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var confirmed = await store.Append(1, 300, 300);
        for (var round = 0; round < 3; round++)
        {
            var killer = Task.Run(async () =>
            {
                await Task.Delay(300);
                await server.Kill();
            });
            await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                while (true)
                    confirmed = await store.Append(confirmed, 7, 300);
            });
            await killer;
            await server.Start();
            await store.TakeOver();
            Assert.InRange(store.Mine.LastRevision, confirmed, confirmed + 7);
            confirmed = store.Mine.LastRevision;
            if (round == 1)
            {
                await store.Store.Delete(Enumerable.Range(2, 100).Select(revision => new RecordId(revision, 0)).ToArray(), default);
                await store.Store.Defragment(default);
            }
        }
        await store.Reopen();
        await store.AssertHolds([.. Enumerable.Range(102, (int)confirmed - 101)], 300);
    }
}
