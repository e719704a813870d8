using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Writing;
using Kine.Tests.Fencing;
using Kine.Tests.Grains;

namespace Kine.Tests.Writing;

/// <summary>The writer as a class: its batches, the states of its life and how it ends, without a silo.</summary>
public sealed class WriterTests
{
    private static readonly WriterOptions Uncached = new() { CacheBytes = 1 };

    private readonly MemoryRevisionStore _log = new();

    [Fact]
    public async Task What_arrives_during_an_append_goes_with_the_next_one()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store);
        var appends = new List<int>();
        store.AfterAppend = batch => appends.Add(batch.Records.Count);
        var lone = writer.Put("k", "lone");
        await lone;
        Task<PutResponse> first;
        Task<PutResponse>[] others;
        using (await store.HoldAppends())
        {
            first = writer.Put("k", "first");
            await Task.Delay(50);
            others = [.. Enumerable.Range(0, 50).Select(i => writer.Put($"k{i}", "v"))];
            await Task.Delay(50);
            Assert.DoesNotContain(others, put => put.IsCompleted);
        }

        Assert.Equal(3, (await first).Header.Revision);
        Assert.Equal(Enumerable.Range(4, 50).Select(revision => (long)revision), (await Task.WhenAll(others)).Select(put => put.Header.Revision));
        Assert.Equal([1, 1, 50], appends);
    }

    [Fact]
    public async Task A_caller_that_gives_up_waits_no_longer_and_what_it_asked_for_happens_all_the_same()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store);
        using var enough = new CancellationTokenSource();
        Task<PutResponse> next;
        using (await store.HoldAppends())
        {
            var givenUp = writer.Put("k", "1", enough.Token);
            next = writer.Put("k", "2");
            Assert.False(givenUp.IsCompleted);
            await enough.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => givenUp.WaitAsync(Wait.Limit));
            Assert.False(next.IsCompleted);
        }

        Assert.Equal(3, (await next).Header.Revision);
    }

    [Fact]
    public async Task More_than_a_batch_holds_is_appended_in_several()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store);
        Task<PutResponse>[] puts;
        using (await store.HoldAppends())
        {
            puts = [.. Enumerable.Range(0, 10_000).Select(i => writer.Put($"k{i}", "v"))];
            await Task.Delay(50);
        }

        var revisions = (await Task.WhenAll(puts).WaitAsync(Wait.Limit)).Select(put => put.Header.Revision).ToArray();
        Assert.Equal(Enumerable.Range(2, 10_000).Select(revision => (long)revision), revisions);
        Assert.Equal(10_001, (await _log.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Requests_from_many_threads_each_get_a_revision_of_their_own()
    {
        await using var writer = await LoneWriter.Start(_log);
        var revisions = await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(async () =>
        {
            var mine = new List<long>();
            for (var i = 0; i < 500; i++)
                mine.Add((await writer.Put($"k{thread}", $"{i}")).Header.Revision);

            Assert.Equal(mine.Order(), mine);
            return mine;
        })));
        Assert.Equal(Enumerable.Range(2, 4000).Select(revision => (long)revision), revisions.SelectMany(mine => mine).Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_store_that_is_away_leads_through_the_states_of_its_life_and_back(bool landed)
    {
        var connection = new SharedStore(_log);
        await using var writer = await LoneWriter.Start(connection, new WriterOptions { RequestTimeout = TimeSpan.FromSeconds(1) });
        Assert.Equal(WriterLife.Writing, writer.Life);
        connection.LoseNextAnswer = landed;
        connection.LoseNextAppend = !landed;
        var lost = writer.Put("k", "1");
        await writer.Reaches(WriterLife.OutcomeUnknown);
        var waiting = writer.Put("k", "2");
        Assert.False(waiting.IsCompleted);
        await AssertFails(EtcdErrors.TimedOut, lost);
        await AssertFails(EtcdErrors.TimedOut, waiting);
        Assert.Equal(WriterLife.StoreAway, writer.Life);
        Assert.Equal(EtcdErrors.TimedOut.Message, Assert.Throws<EtcdException>(() => { _ = writer.Put("k", "3"); }).Message);
        connection.Cut = false;
        await writer.Reaches(WriterLife.Writing);
        Assert.Equal(landed ? 3 : 2, (await writer.Put("k", "4")).Header.Revision);
    }

    [Fact]
    public async Task What_did_not_happen_is_sent_once_more_with_what_was_queued_behind_it()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store);
        var appends = 0;
        store.BeforeAppend = _ =>
        {
            if (++appends == 1)
                throw new StoreUnavailableException("the connection was closed");
        };
        Task<PutResponse>[] puts;
        using (await store.HoldAppends())
        {
            puts = [writer.Put("k", "1"), writer.Put("k", "2"), writer.Put("k", "3")];
            await Task.Delay(50);
        }

        Assert.Equal([2, 3, 4], (await Task.WhenAll(puts)).Select(put => put.Header.Revision));
        Assert.Equal(2, appends);
    }

    [Fact]
    public async Task A_lease_that_was_revoked_and_granted_anew_in_a_batch_that_failed_is_the_old_one_with_its_keys()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store);
        var leases = writer.Writer.Leases;
        await leases.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 60 });
        await writer.Writer.Put(new PutRequest { Key = GrainServer.Bytes("leased"), Lease = 7 }, CancellationToken.None);
        store.BeforeAppend = _ => throw new StoreUnavailableException("gone for now");
        Task[] changes;
        using (await store.HoldAppends())
        {
            changes =
            [
                writer.Put("k", "1"),
                leases.LeaseRevoke(new LeaseRevokeRequest { ID = 7 }),
                leases.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 90 }),
                leases.LeaseGrant(new LeaseGrantRequest { ID = 8, TTL = 90 }),
                leases.LeaseRevoke(new LeaseRevokeRequest { ID = 8 }),
            ];
            await Task.Delay(50);
        }

        foreach (var change in changes)
            await AssertFails(EtcdErrors.TimedOut, change);

        store.BeforeAppend = null;
        var left = await leases.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 7, Keys = true });
        Assert.Equal((60, "leased"), (left.GrantedTTL, Assert.Single(left.Keys).ToStringUtf8()));
        Assert.Equal([7], (await leases.LeaseLeases()).Leases.Select(lease => lease.ID));
        await leases.LeaseRevoke(new LeaseRevokeRequest { ID = 7 });
    }

    [Fact]
    public async Task What_did_not_happen_takes_nothing_of_the_quota()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store, new WriterOptions { QuotaBackendBytes = 1 << 20 });
        var value = new string('v', 100_000);
        store.BeforeAppend = _ => throw new StoreUnavailableException("gone for now");
        for (var i = 0; i < 20; i++)
            await AssertFails(EtcdErrors.TimedOut, writer.Put("k", value));

        store.BeforeAppend = null;
        Assert.Equal(2, (await writer.Put("k", value)).Header.Revision);
    }

    [Fact]
    public async Task What_writes_nothing_takes_nothing_of_the_quota()
    {
        await using var writer = await LoneWriter.Start(new FaultyStore(_log), new WriterOptions { QuotaBackendBytes = 1 << 20 });
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFrom(new byte[100_000]) };
        var never = new TxnRequest
        {
            Compare = { new Compare { Key = put.Key, Target = Compare.Types.CompareTarget.Version, Version = 999 } },
            Success = { new RequestOp { RequestPut = put } },
        };
        for (var i = 0; i < 20; i++)
        {
            Assert.False((await writer.Writer.Txn(never, default)).Response.Succeeded);
            await AssertFails(EtcdErrors.LeaseNotFound, writer.Writer.Put(new PutRequest(put) { Lease = 404 }, default));
        }

        Assert.Equal(2, (await writer.Writer.Put(put, default)).Header.Revision);
    }

    [Fact]
    public async Task What_does_not_happen_the_second_time_is_refused()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store);
        var appends = 0;
        store.BeforeAppend = _ =>
        {
            appends++;
            throw new StoreUnavailableException("gone for now");
        };

        await AssertFails(EtcdErrors.TimedOut, writer.Put("k", "1"));

        Assert.Equal(2, appends);
        store.BeforeAppend = null;
        Assert.Equal(2, (await writer.Put("k", "2")).Header.Revision);
    }

    [Fact]
    public async Task A_stop_answers_what_was_accepted_refuses_what_comes_and_releases_the_store()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store);
        Task<PutResponse> accepted;
        Task stopped;
        using (await store.HoldAppends())
        {
            accepted = writer.Put("k", "1");
            await Task.Delay(50);
            stopped = writer.Writer.Stop();
            Assert.Equal(WriterLife.Draining, writer.Life);
            Assert.Equal(EtcdErrors.ServerStopped.Message, Assert.Throws<EtcdException>(() => { _ = writer.Put("k", "2"); }).Message);
        }

        Assert.Equal(2, (await accepted).Header.Revision);
        await stopped.WaitAsync(Wait.Limit);
        Assert.Equal(WriterLife.Ended, writer.Life);
        Assert.True((await _log.ReadFence(default)).Released);
        await AssertFails(EtcdErrors.ServerStopped, writer.Put("k", "3"));
    }

    [Fact]
    public async Task A_stop_waits_for_a_parked_request_that_gets_its_value()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store, Uncached);
        await writer.Put("k", "old");
        var reads = new TaskCompletionSource();
        store.ReadsHeldUntil = reads.Task;
        var parked = writer.Replace("k", "old", "new");
        await Task.Delay(50);
        var stopped = writer.Writer.Stop();
        await Task.Delay(50);
        Assert.False(stopped.IsCompleted);
        reads.SetResult();
        Assert.True((await parked.WaitAsync(Wait.Limit)).Response.Succeeded);
        await stopped.WaitAsync(Wait.Limit);
        Assert.Equal(3, (await _log.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task A_stop_ends_when_the_writer_is_lost_while_a_request_is_parked()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store, Uncached);
        await writer.Put("k", "old");
        var reads = new TaskCompletionSource();
        store.ReadsHeldUntil = reads.Task;
        Task put;
        Task parked;
        Task stopped;
        using (await store.HoldAppends())
        {
            put = writer.Put("x", "under way");
            parked = writer.Replace("k", "old", "new");
            await Task.Delay(50);
            stopped = writer.Writer.Stop();
            await _log.TakeOver(await _log.ReadFence(default), Guid.NewGuid(), "elsewhere", TimeSpan.FromHours(1), default);
        }

        await AssertFails(EtcdErrors.LeaderChanged, put);
        await stopped.WaitAsync(Wait.Limit);
        reads.SetResult();
        await AssertFails(EtcdErrors.LeaderChanged, parked);
    }

    [Fact]
    public async Task A_stop_while_the_store_is_away_ends_when_requests_do()
    {
        var connection = new SharedStore(_log);
        await using var writer = await LoneWriter.Start(connection, new WriterOptions { RequestTimeout = TimeSpan.FromSeconds(1) });
        connection.LoseNextAppend = true;
        var lost = writer.Put("k", "1");
        await writer.Reaches(WriterLife.OutcomeUnknown);
        var stopped = writer.Writer.Stop();
        await AssertFails(EtcdErrors.ServerStopped, lost);
        await stopped.WaitAsync(Wait.Limit);
    }

    [Fact]
    public async Task Every_caller_gets_an_exception_of_its_own()
    {
        var store = new FaultyStore(_log);
        await using var writer = await LoneWriter.Start(store, Uncached);
        await writer.Put("k", "old");
        var reads = new TaskCompletionSource();
        store.ReadsHeldUntil = reads.Task;
        var calls = new List<Task> { writer.Replace("k", "old", "new"), writer.Replace("k", "old", "newer") };
        using (await store.HoldAppends())
        {
            calls.AddRange(Enumerable.Range(0, 5000).Select(i => writer.Put($"k{i}", "v"))); // more than one batch, so that some wait
            await Task.Delay(50);
            await _log.TakeOver(await _log.ReadFence(default), Guid.NewGuid(), "elsewhere", TimeSpan.FromHours(1), default);
        }

        await writer.Writer.Failed.WaitAsync(Wait.Limit);
        reads.SetResult();
        calls.AddRange(Enumerable.Range(0, 10).Select(i => writer.Put($"late{i}", "v")));
        var errors = new HashSet<Exception>(ReferenceEqualityComparer.Instance);
        foreach (var call in calls)
            Assert.True(errors.Add(await Assert.ThrowsAsync<EtcdException>(() => call.WaitAsync(Wait.Limit))), "one exception for two callers");
    }

    [Fact]
    public async Task The_cache_lets_go_of_what_compaction_deletes()
    {
        await using var writer = await LoneWriter.Start(_log);
        var first = (await writer.Put("k", "old")).Header.Revision;
        var second = (await writer.Put("k", "new")).Header.Revision;
        Assert.True(writer.Local.Values.TryGet(new RecordId(first, 0), out _));

        await writer.Writer.Compaction.Compact(new CompactionRequest { Revision = second, Physical = true });

        Assert.False(writer.Local.Values.TryGet(new RecordId(first, 0), out _));
        Assert.True(writer.Local.Values.TryGet(new RecordId(second, 0), out _));
    }

    [Fact]
    public async Task Compaction_deletes_between_the_requests_and_stops_with_the_writer()
    {
        var options = new WriterOptions { CompactBatchSize = 10 };
        await using var writer = await LoneWriter.Start(_log, options);
        for (var i = 0; i < 500; i++)
            await writer.Put("k", $"{i}");

        var puts = Task.Run(async () =>
        {
            for (var i = 0; i < 200; i++)
                await writer.Put("other", $"{i}");
        });
        await writer.Writer.Compaction.Compact(new CompactionRequest { Revision = 500, Physical = true });
        await puts;
        Assert.Equal(2, (await _log.ReadRecords(new RecordId(0, 0), 501, 1000, long.MaxValue, default)).Count);
        await writer.Writer.Stop().WaitAsync(Wait.Limit);
        await Assert.ThrowsAsync<EtcdException>(() => writer.Writer.Compaction.Compact(new CompactionRequest { Revision = 501 }));
    }

    [Fact]
    public async Task A_writer_that_loads_attaches_keys_to_leases_and_restarts_their_clocks()
    {
        await using (var earlier = await LoneWriter.Start(_log))
        {
            await earlier.Writer.Leases.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 60 });
            await earlier.Writer.Put(new PutRequest { Key = GrainServer.Bytes("leased"), Lease = 7 }, CancellationToken.None);
            var granted = Assert.Single(earlier.Clocks.Runs);
            Assert.Equal((7, 60), (granted.Id, granted.Ttl));
        }

        await using var writer = await LoneWriter.Start(_log);
        Assert.Equal(1, writer.Clocks.Restarts);
        Assert.Equal(60, Assert.Single(await writer.Writer.Leases.Runs(7)).Ttl);
        var left = await writer.Writer.Leases.LeaseTimeToLive(new LeaseTimeToLiveRequest { ID = 7, Keys = true });
        Assert.Equal("leased", Assert.Single(left.Keys).ToStringUtf8());
        Assert.Equal(3, (await writer.Writer.Leases.LeaseRevoke(new LeaseRevokeRequest { ID = 7 })).Header.Revision);
        Assert.True(Assert.Single(writer.Clocks.Runs).IsGone);
    }

    [Fact]
    public async Task Only_its_newest_run_expires_a_lease()
    {
        await using var writer = await LoneWriter.Start(_log);
        var leases = writer.Writer.Leases;
        await leases.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 60 });
        await writer.Writer.Put(new PutRequest { Key = GrainServer.Bytes("leased"), Lease = 7 }, CancellationToken.None);
        var granted = Assert.Single(writer.Clocks.Runs);
        var renewed = (await leases.Renew([7, 8])).Runs;
        Assert.True(renewed[0].IsNewerThan(granted) && renewed[1].IsGone);
        Assert.Equal(renewed[0], Assert.Single(await leases.Expire([granted])));
        Assert.Equal(2, (await writer.Put("k", "1")).Header.Revision - 1);
        var gone = Assert.Single(await leases.Expire([renewed[0]]));
        Assert.True(gone.IsGone && gone.IsNewerThan(renewed[0]));
        Assert.True((await leases.Renew([7])).Runs[0].IsGone);
        await leases.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 60 });
        Assert.False(Assert.Single(await leases.Expire([renewed[0]])).IsGone);
        Assert.Equal(5, (await writer.Put("k", "2")).Header.Revision); // one for the expiry
        Assert.Equal([false, true, false], writer.Clocks.Runs.Select(run => run.IsGone));
    }

    [Fact]
    public async Task No_lease_expires_without_proof_and_once_it_is_back_all_have_new_runs()
    {
        var connection = new SharedStore(_log);
        var clock = new ShiftedClock();
        await using var writer = await LoneWriter.Start(connection, new WriterOptions { LeaseTime = TimeSpan.FromHours(1) }, clock);
        var leases = writer.Writer.Leases;
        await leases.LeaseGrant(new LeaseGrantRequest { ID = 7, TTL = 60 });
        var granted = Assert.Single(writer.Clocks.Runs);
        clock.Wall = TimeSpan.FromHours(1);
        await AssertFails(EtcdErrors.TimedOut, leases.Expire([granted, granted]));
        await writer.Put("k", "1"); // a sign of life
        Assert.True(Assert.Single(await leases.Expire([granted])).IsNewerThan(granted));
        Assert.Equal(2, writer.Clocks.Restarts);
        await leases.LeaseRevoke(new LeaseRevokeRequest { ID = 7 });
    }

    [Fact]
    public async Task Leases_that_cannot_begin_anew_because_the_writer_has_ended_are_no_fault()
    {
        var writer = await LoneWriter.Start(_log);
        await writer.DisposeAsync();
        await writer.Writer.Leases.RestartInLoop();
    }

    private static async Task AssertFails(EtcdException expected, Task call)
    {
        var error = await Assert.ThrowsAsync<EtcdException>(() => call.WaitAsync(Wait.Limit));
        Assert.Equal((expected.Code, expected.Message), (error.Code, error.Message));
    }
}
