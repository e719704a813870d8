using Kine.Backends;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Nats;

/// <summary>Limits of storage: what makes room still lands, and what was in the way goes.</summary>
public sealed class NatsFullTests
{
    private const string ServerLimit = "jetstream { store_dir: \"{folder}/data\", max_file_store: 32MB }";
    private const int ValueBytes = 100_000;
    private static readonly TimeSpan Patience = Wait.Limit;

    [Theory]
    [InlineData("", ServerLimit)]
    [InlineData("""
        accounts { A {
          jetstream { max_store: 32MB }
          users: [ { user: a, password: a } ]
        } }
        no_auth_user: a
        """, "jetstream { store_dir: \"{folder}/data\" }")]
    public async Task At_the_limit_of_the_server_or_the_account_deletions_make_room(string configuration, string jetStream)
    {
        await using var server = new NatsServer(configuration, jetStream);
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var last = 1L;
        for (var round = 0; round < 3; round++)
        {
            var first = last + 1;
            last = await FillUp(store, last, ValueBytes);
            Assert.InRange(last - first, 100, 320);
            await store.Store.Renew(store.Token, default);
            await Delete(store, first, last);
            await RoomComes(store);
        }

        await store.Append(last, 1, ValueBytes);
        await store.Reopen();
        await store.AssertHolds([last + 1], ValueBytes);
    }

    [Fact]
    public async Task A_full_log_is_taken_over_and_says_that_it_is_full()
    {
        await using var server = new NatsServer(jetStream: ServerLimit);
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var last = await FillUp(store, 1, ValueBytes);
        await store.Reopen();
        await store.TakeOver();
        await Until(() => store.Store.IsFull);
        await Delete(store, 2, last);
        await RoomComes(store);
    }

    [Fact]
    public async Task What_tombstones_may_not_use_up_is_left_for_a_compaction()
    {
        await using var server = new NatsServer(jetStream: ServerLimit);
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var filled = await FillUp(store, 1, ValueBytes);

        var last = await AppendUntil(() => false, store, filled, 10_000, 1);
        Assert.InRange(last - filled, 10, 1200);
        await store.Store.Renew(store.Token, default);
        await Delete(store, 2, filled);
        await RoomComes(store);
        await store.Append(last, 10, ValueBytes);
    }

    [Fact]
    public async Task The_living_are_moved_out_of_mostly_dead_messages_little_by_little()
    {
        await using var server = new NatsServer(jetStream: ServerLimit);
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var last = await FillUp(store, 1, 500, perBatch: 40);
        var alive = Revisions(2, last).Where(revision => revision % 3 == 0).ToList();
        foreach (var dead in Revisions(2, last).Where(revision => revision % 3 != 0).Chunk(1000))
            await store.Store.Delete(dead.Select(revision => new RecordId(revision, 0)).ToArray(), default);

        await RoomComes(store);
        await store.Append(last, 1000, 500);
        alive.AddRange(Revisions(last + 1, last + 1000));
        await store.Reopen();
        await store.AssertHolds(alive, 500);
    }

    [Fact]
    public async Task Parts_of_a_refused_append_do_not_keep_their_space()
    {
        await using var server = new NatsServer(jetStream: ServerLimit);
        await server.Start();
        await using var store = await NatsTestStore.Open(server.NewEndpoint());
        var last = await FillUp(store, 1, ValueBytes, perBatch: 60);
        await store.Store.Renew(store.Token, default);
        var live = (last - 1) * (ValueBytes + 500);
        await Until(async () => (long)(await store.State()).Bytes < live + 200_000);
        await Delete(store, 2, last);
        await RoomComes(store);
    }

    [Fact]
    public async Task Where_the_reserve_may_not_be_made_the_log_does_without()
    {
        var bucket = NatsServer.NewBucket();
        await using var server = new NatsServer($$"""
            authorization { users: [ { user: a, password: a, permissions: { publish: { deny: [
              "$JS.API.STREAM.CREATE.KINE-reserve_{{bucket}}", "$JS.API.STREAM.CREATE.KINE-last_{{bucket}}", "$JS.API.STREAM.DELETE.>" ] } } } ] }
            no_auth_user: a
            """, ServerLimit);
        await server.Start();
        await using var store = await NatsTestStore.Open(server.Endpoint(bucket));
        var last = await FillUp(store, 1, ValueBytes);
        await Until(() => !store.Store.IsFull);
        await Assert.ThrowsAsync<StoreFullException>(() => store.Append(last, 1, ValueBytes));
        await store.AssertHolds([.. Revisions(2, last)], ValueBytes);
    }

    private static async Task<long> FillUp(NatsTestStore store, long last, int valueLength, int perBatch = 1)
    {
        Assert.False(store.Store.IsFull);
        last = await AppendUntil(() => store.Store.IsFull, store, last, valueLength, perBatch); // as a writer does: the reserve may be what finds it full
        Assert.True(store.Store.IsFull);
        return last;
    }

    private static async Task<long> AppendUntil(Func<bool> stop, NatsTestStore store, long last, int valueLength, int perBatch)
    {
        while (!stop())
        {
            try
            {
                last = await store.Append(last, perBatch, valueLength, perBatch);
            }
            catch (StoreFullException)
            {
                break;
            }
        }

        return last;
    }

    private static Task Delete(NatsTestStore store, long first, long last) =>
        store.Store.Delete(Revisions(first, last).Select(revision => new RecordId(revision, 0)).ToArray(), default);

    private static IEnumerable<long> Revisions(long first, long last) => Enumerable.Range(0, (int)(last - first + 1)).Select(i => first + i);

    private static Task RoomComes(NatsTestStore store) => Until(() => !store.Store.IsFull);

    private static Task Until(Func<bool> holds) => Until(() => Task.FromResult(holds()));

    private static async Task Until(Func<Task<bool>> holds)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (!await holds())
        {
            Assert.True(DateTime.UtcNow < deadline, "not in time");
            await Task.Delay(50);
        }
    }
}
