using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Watch;
using Kine.Tests.Grains;

namespace Kine.Tests.Fencing;

/// <summary>Several processes on one store, of which the fence lets one write: here each is a whole server without gRPC.</summary>
public sealed class StandbyTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Short enough to wait for, long enough that a busy machine renews in time.
    private static readonly WriterOptions Options = new() { LeaseTime = TimeSpan.FromSeconds(3), RequestTimeout = TimeSpan.FromSeconds(1) };

    private readonly MemoryRevisionStore _log = new();

    [Fact]
    public async Task A_second_process_answers_no_leader_and_takes_over_at_once_when_the_first_leaves()
    {
        var first = await GrainServer.Start(new SharedStore(_log), Options);
        await first.Put("k", "1");
        await using var second = await GrainServer.Start(new SharedStore(_log), Options);
        await AssertFails(EtcdErrors.NoLeader, () => second.Get("k"));
        await AssertFails(EtcdErrors.NoLeader, () => second.Put("k", "2"));
        Assert.Throws<EtcdException>(() => second.Api.Watches.OpenStream());
        Assert.Equal("1", await first.Get("k"));
        await first.DisposeAsync();
        Assert.Equal("1", await Eventually(() => second.Get("k")));
        Assert.Equal(3, (await second.Put("k", "2")).Header.Revision);
        second.Api.Watches.OpenStream().Dispose();
    }

    [Fact]
    public async Task A_writer_that_lost_its_connection_answers_nothing_that_may_be_old_and_stands_by_when_it_comes_back()
    {
        var connection = new SharedStore(_log);
        await using var first = await GrainServer.Start(connection, Options);
        await first.Put("k", "1");
        var stream = first.Api.Watches.OpenStream();
        await using var second = await GrainServer.Start(new SharedStore(_log), Options);
        connection.Cut = true;
        Assert.Equal(3, (await Eventually(() => second.Put("k", "2"))).Header.Revision);
        await AssertFails(EtcdErrors.TimedOut, () => first.Get("k"));
        await AssertFails(EtcdErrors.TimedOut, () => first.Get("k", revision: 3)); // which it does not know to be there
        (var pairs, _) = await first.Range(new RangeRequest { Key = GrainServer.Bytes("k"), Serializable = true });
        Assert.Equal("1", Assert.Single(pairs).Value.ToStringUtf8());
        connection.Cut = false;
        await EventuallyFails(EtcdErrors.NoLeader, () => first.Get("k"));
        var ended = await Assert.ThrowsAsync<EtcdException>(async () =>
        {
            while (await stream.WaitToRead())
                stream.TryRead(out _);
        }).WaitAsync(Patience);
        Assert.Equal(EtcdErrors.LeaderChanged.Message, ended.Message);
        Assert.Equal("2", await second.Get("k"));
    }

    [Fact]
    public async Task A_lease_that_was_granted_by_an_earlier_writer_has_its_whole_time_again_under_a_new_one()
    {
        var connection = new SharedStore(_log);
        await using var first = await GrainServer.Start(connection, Options);
        await first.Api.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 4 }, default);
        await first.Put("leased", "v", 7);
        var second = await GrainServer.Start(new SharedStore(_log), Options);
        connection.Cut = true;
        var alive = new CancellationTokenSource();
        Assert.Equal("v", await Eventually(() => second.Get("leased")));
        var keeping = KeepAlive(second, alive.Token);
        connection.Cut = false;
        await EventuallyFails(EtcdErrors.NoLeader, () => first.Get("leased"));
        await Task.Delay(TimeSpan.FromSeconds(5)); // the first one's clock has run out long ago
        await alive.CancelAsync();
        await keeping;
        await second.DisposeAsync();
        Assert.Equal("v", await Eventually(() => first.Get("leased")));
        var left = await first.Api.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 7 }, default);
        Assert.Equal(4, left.GrantedTTL);
        var deadline = DateTime.UtcNow + Patience;
        while (await first.Get("leased") is not null)
        {
            Assert.True(DateTime.UtcNow < deadline, "the lease never expired");
            await Task.Delay(50);
        }

        static async Task KeepAlive(GrainServer server, CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                Assert.Equal(4, (await server.Api.LeaseKeepAlive(new LeaseKeepAliveRequest { ID = 7 }, default)).TTL);
                await Task.Delay(500, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [Fact]
    public async Task A_standby_asks_the_store_no_more_often_than_a_writer_renews()
    {
        await using var first = await GrainServer.Start(new SharedStore(_log), Options);
        var connection = new SharedStore(_log);
        await using var second = await GrainServer.Start(connection, Options);
        var before = connection.FenceReads;
        var start = Environment.TickCount64;
        for (var i = 0; i < 300; i++)
        {
            await AssertFails(EtcdErrors.NoLeader, () => second.Get("k"));
            await Task.Delay(5);
        }
        var renewals = (Environment.TickCount64 - start) / Options.RenewTime.TotalMilliseconds;
        Assert.InRange(connection.FenceReads - before, 0, (2 * renewals) + 2);
    }

    [Fact]
    public async Task Values_kept_from_an_earlier_time_as_writer_are_not_shown_after_another_wrote()
    {
        var connection = new SharedStore(_log);
        await using var first = await GrainServer.Start(connection, Options);
        await first.Put("k", "lost");
        var restored = new MemoryRevisionStore(); // another history with the same revision numbers
        var between = await GrainServer.Start(new SharedStore(restored), Options);
        await between.Put("k", "other");
        await between.Put("l", "x");
        await between.DisposeAsync();
        connection.Log = restored;
        var deadline = DateTime.UtcNow + Patience;
        while (await Eventually(() => first.Get("l")) is null && DateTime.UtcNow < deadline)
        {
            await Task.Delay(20); // its lease stands for a while
        }

        Assert.Equal("other", await first.Get("k"));
    }

    [Fact]
    public async Task A_store_that_lost_revisions_goes_on_far_above_them_and_cancels_the_watches()
    {
        var connection = new SharedStore(_log);
        await using var server = await GrainServer.Start(connection, Options);
        await server.Put("kept", "1");
        var old = await Copy(_log, 2);
        for (var i = 0; i < 5; i++)
            await server.Put("lost", $"{i}");

        var stream = server.Api.Watches.OpenStream();
        await stream.Receive(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = GrainServer.Bytes("lost") } });
        connection.Log = old;
        await Eventually(() => server.Put("kept", "2"));
        Assert.Null(await server.Get("lost"));
        Assert.InRange(server.Api.Header().Revision, 1_000_000, 1_000_100);
        var error = await Assert.ThrowsAsync<EtcdException>(() => server.Get("kept", 7));
        Assert.Equal(EtcdErrors.Compacted.Message, error.Message);
        Assert.True(await Cancelled(stream).WaitAsync(Patience) > 1_000_000);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_lease_whose_answer_was_lost_is_granted_once_whether_it_had_landed_or_not(bool happened)
    {
        var connection = new SharedStore(_log) { LoseNextAnswer = happened, LoseNextAppend = !happened };
        // The first append of a new store is its identity: that one is not meant.
        connection.LoseNextAnswer = connection.LoseNextAppend = false;
        await using var server = await GrainServer.Start(connection, Options with { RequestTimeout = TimeSpan.FromMinutes(5) });
        connection.LoseNextAnswer = happened;
        connection.LoseNextAppend = !happened;
        var granting = server.Api.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 1000 }, default);
        while (!connection.Cut)
            await Task.Delay(5);

        connection.Cut = false;
        Assert.Equal(7, (await granting.WaitAsync(Patience)).ID);
        var left = await server.Api.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 7 }, default);
        Assert.Equal(1000, left.GrantedTTL);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task While_the_store_is_away_writes_are_answered_and_cached_reads_and_watches_go_on(bool happened)
    {
        var connection = new SharedStore(_log);
        await using var server = await GrainServer.Start(connection, Options);
        await server.Put("k", "1");
        var stream = server.Api.Watches.OpenStream();
        await stream.Receive(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = GrainServer.Bytes("k") } });
        connection.LoseNextAnswer = happened;
        connection.LoseNextAppend = !happened;
        await AssertFails(EtcdErrors.TimedOut, () => server.Put("k", "2").WaitAsync(Patience));
        await AssertFails(EtcdErrors.TimedOut, () => server.Put("k", "never").WaitAsync(Patience));
        (var pairs, _) = await server.Range(new RangeRequest { Key = GrainServer.Bytes("k"), Serializable = true });
        Assert.Equal("1", Assert.Single(pairs).Value.ToStringUtf8());
        Assert.Equal(2, (await server.Api.Status(new StatusRequest(), default)).Header.Revision);
        connection.Cut = false;
        var revision = (await Eventually(() => server.Put("k", "3"))).Header.Revision;
        Assert.Equal(happened ? 4 : 3, revision);
        Assert.Equal("3", await server.Get("k"));
        string[] expected = happened ? ["2", "3"] : ["3"];
        Assert.Equal(expected, await Values(stream, expected.Length).WaitAsync(Patience));
    }

    [Fact]
    public async Task After_a_suspend_reads_wait_for_a_new_sign_of_life()
    {
        var clock = new ShiftedClock();
        var connection = new SharedStore(_log);
        await using var server = await GrainServer.Start(connection, Options, clock: clock);
        await server.Put("k", "1");
        connection.Cut = true;
        clock.Wall = TimeSpan.FromHours(1);
        await AssertFails(EtcdErrors.TimedOut, () => server.Get("k"));
        connection.Cut = false;
        Assert.Equal("1", await Eventually(() => server.Get("k")));
    }

    [Fact]
    public async Task With_the_store_as_proof_a_read_that_cannot_ask_it_is_not_answered()
    {
        var connection = new SharedStore(_log);
        await using var server = await GrainServer.Start(connection, Options with { ProveAtStore = true });
        await server.Put("k", "1");
        Assert.Equal("1", await server.Get("k"));
        connection.Cut = true;
        await AssertFails(EtcdErrors.TimedOut, () => server.Get("k"));
        connection.Cut = false;
        var seen = await _log.ReadFence(default);
        await _log.TakeOver(seen, Guid.NewGuid(), "elsewhere", TimeSpan.FromHours(1), default);
        await AssertFails(EtcdErrors.LeaderChanged, () => server.Get("k"));
    }

    [Fact]
    public async Task A_writer_that_loads_for_longer_than_its_lease_time_keeps_the_store()
    {
        await using (var earlier = await GrainServer.Start(new SharedStore(_log), Options))
        {
            await earlier.Put("k", "1");
        }

        var starting = GrainServer.Start(new SharedStore(_log) { ScanTime = Options.LeaseTime }, Options);
        while ((await _log.ReadFence(default)).Released)
            await Task.Delay(10);

        var holder = (await _log.ReadFence(default)).Holder;
        await using var waiting = await GrainServer.Start(new SharedStore(_log), Options);
        await using var loaded = await starting;
        Assert.Equal("1", await loaded.Get("k"));
        Assert.Equal(holder, (await _log.ReadFence(default)).Holder);
        await AssertFails(EtcdErrors.NoLeader, () => waiting.Get("k"));
    }

    [Fact]
    public async Task A_read_that_waits_for_proof_is_not_answered_when_this_process_becomes_the_writer_again()
    {
        var connection = new SharedStore(_log);
        await using var first = await GrainServer.Start(connection, Options with { RequestTimeout = TimeSpan.FromMinutes(5) });
        await first.Put("k", "1");
        var second = await GrainServer.Start(new SharedStore(_log), Options);
        connection.Cut = true;
        await Eventually(() => second.Put("k", "2"));
        var reading = first.Get("k");
        await second.DisposeAsync();
        connection.Cut = false;
        await AssertFails(EtcdErrors.LeaderChanged, () => reading.WaitAsync(Patience));
        Assert.Equal("2", await Eventually(() => first.Get("k")));
    }

    private static async Task<MemoryRevisionStore> Copy(MemoryRevisionStore log, long toRevision)
    {
        var copy = new MemoryRevisionStore();
        var fence = await log.ReadFence(default);
        var mine = (await copy.TakeOver(await copy.ReadFence(default), fence.Holder, fence.Address, fence.LeaseTime, default))!;
        var batch = new AppendBatch { Token = new FenceToken(mine.Epoch, mine.Holder), ExpectedRevision = 1, LastRevision = toRevision };
        batch.Records.AddRange(await log.ReadRecords(new RecordId(0, 0), toRevision, 1000, 1 << 20, default));
        batch.Side.AddRange(await log.ReadSide(default));
        await copy.Append(batch);
        return copy;
    }

    private static async Task AssertFails(EtcdException expected, Func<Task> call)
    {
        var error = await Assert.ThrowsAsync<EtcdException>(call);
        Assert.Equal((expected.Code, expected.Message), (error.Code, error.Message));
    }

    private static async Task<T> Eventually<T>(Func<Task<T>> call)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (true)
        {
            try
            {
                return await call();
            }
            catch (EtcdException error) when (error.Code == StatusCode.Unavailable && DateTime.UtcNow < deadline)
            {
                await Task.Delay(20);
            }
        }
    }

    private static async Task EventuallyFails(EtcdException expected, Func<Task> call)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (true)
        {
            try
            {
                await call();
            }
            catch (EtcdException error) when (error.Message == expected.Message)
            {
                return;
            }
            catch (EtcdException error) when (error.Code == StatusCode.Unavailable)
            {
                // Not settled yet.
            }
            Assert.True(DateTime.UtcNow < deadline, $"never \"{expected.Message}\"");
            await Task.Delay(20);
        }
    }

    private static async Task<string[]> Values(WatchStream stream, int count)
    {
        var values = new List<string>();
        await foreach (var reply in Replies(stream))
        {
            values.AddRange(reply.Events.Select(change => change.Kv.Value.ToStringUtf8()));
            if (values.Count >= count)
                break;
        }
        return [.. values];
    }

    private static async Task<long> Cancelled(WatchStream stream)
    {
        await foreach (var reply in Replies(stream))
        {
            if (reply.Canceled)
                return reply.CompactRevision;
        }
        return -1;
    }

    private static async IAsyncEnumerable<WatchResponse> Replies(WatchStream stream)
    {
        while (await stream.WaitToRead())
        {
            while (stream.TryRead(out var reply))
            {
                var buffer = new System.Buffers.ArrayBufferWriter<byte>();
                while (!reply.Write(buffer, int.MaxValue))
                {
                    // In one go: the limit is far above any reply here.
                }
                yield return WatchResponse.Parser.ParseFrom(buffer.WrittenSpan);
            }
        }
    }
}
