using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Postgres;
using Kine.Backends.Stores;
using Kine.Tests.Faults;
using Kine.Tests.Servers;
using Npgsql;

namespace Kine.Tests.Stores.Postgres;

/// <summary>What the store says when something goes wrong: refused means nothing was written, unknown means look, and nothing is written twice.</summary>
[Collection(PostgresCollection.Name)]
public class PostgresFaultTests(PostgresFixture fixture) : IAsyncLifetime
{
    private readonly string _database = $"fault_{Guid.NewGuid():n}";
    private FaultProxy _proxy = null!;
    private PostgresRevisionStore _store = null!;
    private FenceToken _token;

    private PostgresServer Server => fixture.Server;

    public async Task InitializeAsync()
    {
        _proxy = new FaultProxy(Server.Port);
        _store = Store(Server.Endpoint(_database, _proxy.Port));
        await _store.Open(default);
        _token = await TakeOver(_store);
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _proxy.DisposeAsync();
    }

    [Fact]
    public async Task A_lost_answer_is_unknown_and_the_fence_tells_that_the_append_landed_once()
    {
        var last = await LogFiller.AppendOne(_store, _token, 1);
        for (var round = 0; round < 5; round++)
        {
            _proxy.LosingAnswers = true;
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => LogFiller.AppendOne(_store, _token, last));
            _proxy.LosingAnswers = false;

            var old = _token;
            var fence = await Claim();
            Assert.Equal(last + 1, fence.LastRevision);
            last = fence.LastRevision;
            await Assert.ThrowsAsync<FencedException>(() => LogFiller.AppendOne(_store, old, last));
            last = await LogFiller.AppendOne(_store, _token, last);
        }
        Assert.Equal(Enumerable.Range(2, (int)last - 1).Select(revision => (long)revision), await Revisions());
    }

    [Fact]
    public async Task A_lost_answer_to_a_take_over_is_found_out_by_asking_again()
    {
        for (var round = 0; round < 5; round++)
        {
            var seen = await _store.ReadFence(default);
            // The connection that renews is open, so that only the answer is lost.
            await _store.Renew(_token, default);
            seen = await _store.ReadFence(default);
            var lost = _proxy.AnswersLost;
            _proxy.LosingAnswers = true;
            var holder = Guid.NewGuid();
            var taking = _store.TakeOver(seen, holder, "h", TimeSpan.FromSeconds(1), default);
            while (_proxy.AnswersLost == lost)
                await Task.Delay(1);

            _proxy.LosingAnswers = false;
            var taken = await taking;
            Assert.Equal((seen.Epoch + 1, holder), (taken!.Epoch, taken.Holder));
            Assert.Equal(taken, await _store.ReadFence(default));
            _token = new FenceToken(taken.Epoch, holder);
        }
        await LogFiller.AppendOne(_store, _token, 1);
    }

    [Fact]
    public async Task A_large_append_that_is_cut_before_its_commit_certainly_did_not_happen()
    {
        var batch = Large(1, 300_000);
        var appending = _store.Append(batch);
        await Until("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO kine_log%' AND datname = current_database()");
        _proxy.CutAll();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => appending);
        Assert.Equal(1, (await _store.ReadFence(default)).LastRevision);
        Assert.Empty(await Revisions());

        await _store.Append(batch);
        Assert.Equal(300_000L, await Server.Query(_database, "SELECT count(*) FROM kine_log"));
    }

    [Fact]
    public async Task A_large_append_of_a_former_holder_is_refused_and_leaves_nothing()
    {
        var old = _token;
        await Claim();
        var batch = Large(1, 20_000);
        batch.Token = old;
        await Assert.ThrowsAsync<FencedException>(() => _store.Append(batch));
        Assert.Empty(await Revisions());
        Assert.Equal(2, await LogFiller.AppendOne(_store, _token, 1));
    }

    [Fact]
    public async Task While_nobody_answers_calls_are_unavailable_and_work_again_by_themselves_afterwards()
    {
        var last = await LogFiller.AppendOne(_store, _token, 1);
        _proxy.Refusing = true;
        _proxy.CutAll();
        // What goes into an open connection that was cut may have arrived; what finds none to go into did not.
        await Assert.ThrowsAnyAsync<Exception>(() => _store.Renew(_token, default));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(_store, _token, last));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.Renew(_token, default));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.ReadFence(default));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.ReadValues(new RecordId[] { new(2, 0) }, default));
        _proxy.Refusing = false;

        Assert.Equal(last, (await _store.ReadFence(default)).LastRevision);
        last = await LogFiller.AppendOne(_store, _token, last);
        Assert.Equal([2, 3], await Revisions());
    }

    [Fact]
    public async Task A_read_goes_on_where_its_connection_was_cut()
    {
        await LogFiller.Append(_store, _token, 1, 20_000, valueLength: 10);
        var seen = 0;
        var last = await _store.ScanMetadata(default, long.MaxValue, int.MaxValue, (in RecordMetadata record, ReadOnlySpan<byte> _) =>
        {
            Assert.Equal(2 + seen, record.Revision);
            if (++seen is 1 or 10_000)
                _proxy.CutAll();
        }, default);
        Assert.Equal((20_000, new RecordId(20_001, 0)), (seen, last));
    }

    [Fact]
    public async Task A_read_only_database_refuses_writes_and_still_answers_reads()
    {
        var last = await LogFiller.AppendOne(_store, _token, 1);
        await Server.Query("postgres", $"ALTER DATABASE {_database} SET default_transaction_read_only = on");
        _proxy.CutAll();
        await Assert.ThrowsAnyAsync<Exception>(() => _store.Renew(_token, default));

        await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(_store, _token, last));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.Renew(_token, default));
        Assert.Equal([2], await Revisions());

        await using (var another = Store(Server.Endpoint(_database)))
        {
            await another.Open(default); // a standby needs no write
            Assert.Equal(last, (await another.ReadFence(default)).LastRevision);
        }
        await Server.Query("postgres", $"ALTER DATABASE {_database} RESET default_transaction_read_only");
        Assert.Equal(last + 1, await LogFiller.AppendOne(_store, _token, last));
    }

    // The server raises its own errors for a full disk and a failing one, at the place where it would meet them.
    [Theory]
    [InlineData("53100")] // disk_full
    [InlineData("58030")] // io_error
    public async Task A_full_or_failing_disk_refuses_an_append_and_leaves_nothing_of_it(string code)
    {
        var last = await LogFiller.AppendOne(_store, _token, 1);
        await Server.Query(_database, $"CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
        await Server.Query(_database, "CREATE TRIGGER fail AFTER INSERT ON kine_log EXECUTE FUNCTION fail()");
        await Assert.ThrowsAnyAsync<StoreUnavailableException>(() => LogFiller.AppendOne(_store, _token, last));
        Assert.Equal(code == "53100", _store.IsFull);
        Assert.Equal([2], await Revisions());
        await Server.Query(_database, "DROP TRIGGER fail ON kine_log");
        Assert.Equal(last + 1, await LogFiller.AppendOne(_store, _token, last));
    }

    [Fact]
    public async Task A_locked_fence_is_unavailable_after_a_bounded_wait_and_nothing_lands_later()
    {
        await using var other = await Server.Connect(_database);
        await using (var held = await other.BeginTransactionAsync())
        {
            await Run(other, "SELECT 1 FROM kine_fence FOR UPDATE");
            await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(_store, _token, 1));
            await held.RollbackAsync();
        }
        Assert.Empty(await Revisions());
        Assert.Equal(2, await LogFiller.AppendOne(_store, _token, 1));
    }

    [Fact]
    public async Task An_append_waiting_for_a_take_over_is_refused_once_that_has_committed()
    {
        await using var other = await Server.Connect(_database);
        await using var takingOver = await other.BeginTransactionAsync();
        await Run(other, "UPDATE kine_fence SET epoch = epoch + 1, counter = counter + 1");
        Task late = LogFiller.AppendOne(_store, _token, 1);
        await WaitUntilBlocked();
        await takingOver.CommitAsync();
        await Assert.ThrowsAsync<FencedException>(() => late);
        Assert.Empty(await Revisions());
    }

    [Theory]
    [InlineData("serializable")]
    [InlineData("repeatable read")]
    public async Task A_serialization_failure_is_tried_again(string isolation)
    {
        await Server.Query("postgres", $"ALTER DATABASE {_database} SET default_transaction_isolation = '{isolation}'");
        _proxy.CutAll();
        await using var store = Store(Server.Endpoint(_database));
        await using var other = await Server.Connect(_database);
        await using var moving = await other.BeginTransactionAsync();
        await Run(other, "UPDATE kine_fence SET counter = counter + 1");
        var appending = LogFiller.AppendOne(store, _token, 1);
        await WaitUntilBlocked();
        await moving.CommitAsync(); // the append's snapshot is older than this
        Assert.Equal(2, await appending);
    }

    [Fact]
    public async Task A_deadlock_is_tried_again()
    {
        await using var other = await Server.Connect(_database);
        await Run(other, "SET deadlock_timeout = '60s'");
        await using var moving = await other.BeginTransactionAsync();
        await Run(other, "INSERT INTO kine_side VALUES(3, 'x', '')");
        var batch = new AppendBatch { Token = _token, ExpectedRevision = 1, LastRevision = 1 };
        batch.Side.Add(new SideRow(SideKind.Alarm, "x"u8.ToArray(), [1]));
        var appending = _store.Append(batch);
        await WaitUntilBlocked();
        // Now each waits for the other; the append's session finds out and loses.
        await Run(other, "UPDATE kine_fence SET counter = counter + 1");
        await moving.RollbackAsync();
        await appending;
        Assert.Equal([1], Assert.Single(await _store.ReadSide(default)).Value!);
    }

    [Fact]
    public async Task A_terminated_session_is_unknown_and_the_store_goes_on_with_another()
    {
        await using var other = await Server.Connect(_database);
        await using var holding = await other.BeginTransactionAsync();
        await Run(other, "SELECT 1 FROM kine_fence FOR UPDATE");
        Task appending = LogFiller.AppendOne(_store, _token, 1);
        await WaitUntilBlocked();
        await Run(other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()");
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => appending);
        await holding.RollbackAsync();
        await Claim();
        Assert.Equal(2, await LogFiller.AppendOne(_store, _token, 1));
    }

    [Fact]
    public async Task An_append_that_takes_too_long_is_unknown_and_is_never_cancelled()
    {
        var options = PostgresEndpoint.Parse(Server.Endpoint(_database, _proxy.Port)["postgres://".Length..], new StoreSettings());
        await using var hasty = new PostgresRevisionStore(options with { AppendTimeout = TimeSpan.FromSeconds(1) });
        await hasty.Open(default);
        await using var other = await Server.Connect(_database);
        await using (var holding = await other.BeginTransactionAsync())
        {
            await Run(other, "SELECT 1 FROM kine_fence FOR UPDATE");
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => LogFiller.AppendOne(hasty, _token, 1));
            Assert.Equal(1L, await Scalar(other, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"));
            await holding.RollbackAsync();
        }
        // It was still waiting, and lands; a take-over comes after it.
        _token = await TakeOver(hasty);
        Assert.Equal(2, (await hasty.ReadFence(default)).LastRevision);
        Assert.Equal(3, await LogFiller.AppendOne(hasty, _token, 2));
    }

    private Task WaitUntilBlocked() => Until("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()");

    private async Task Until(string count)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromMinutes(1);
        while (await Server.Query(_database, count) is 0L)
        {
            Assert.True(DateTime.UtcNow < deadline, count);
            await Task.Delay(10);
        }
    }

    private async Task<Fence> Claim()
    {
        _token = await TakeOver(_store);
        return await _store.ReadFence(default);
    }

    private static async Task<FenceToken> TakeOver(PostgresRevisionStore store)
    {
        var seen = await store.ReadFence(default);
        var taken = (await store.TakeOver(seen, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default))!;
        return new FenceToken(taken.Epoch, taken.Holder);
    }

    private AppendBatch Large(long expected, int count)
    {
        var batch = new AppendBatch { Token = _token, ExpectedRevision = expected, LastRevision = expected + 1 };
        for (var sub = 0; sub < count; sub++)
            batch.Records.Add(new LogRecord(expected + 1, sub, System.Text.Encoding.ASCII.GetBytes($"/key/{sub}"), 0, 0, 0, true, default));

        return batch;
    }

    private async Task<IEnumerable<long>> Revisions() =>
        (await _store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default)).Select(record => record.Revision);

    private static async Task Run(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<object?> Scalar(NpgsqlConnection connection, string statement)
    {
        await using var command = new NpgsqlCommand(statement, connection);
        return await command.ExecuteScalarAsync();
    }

    private static PostgresRevisionStore Store(string endpoint) => (PostgresRevisionStore)StoreEndpoint.Parse(endpoint).Create();
}
