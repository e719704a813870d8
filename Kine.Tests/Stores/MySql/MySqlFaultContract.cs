using System.Globalization;
using Kine.Backends;
using Kine.Backends.MySql;
using Kine.Backends.Stores;
using Kine.Tests.Faults;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>
/// What goes wrong between the store and its server: writes fail cleanly or say that their outcome is unknown, and afterwards the fence tells the truth.
/// </summary>
public abstract class MySqlFaultContract(MySqlLikeServer server)
{
    private const int SigContinue = 18;
    private readonly MySqlLikeServer _server = server;

    [Fact]
    public async Task An_append_whose_answer_is_lost_is_unknown_and_a_take_over_shows_what_became_of_it()
    {
        await using var proxy = new FaultProxy(_server.Port);
        await using var store = await Open(_server.NewEndpoint(proxy.Port));
        (var token, var last) = await LogFiller.Fill(store, 10);
        for (var round = 0; round < 10; round++)
        {
            proxy.LosingAnswers = true;
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => LogFiller.Append(store, token, last, 5, 100));
            proxy.LosingAnswers = false;
            (token, var now) = await TakeOver(store);
            Assert.True(now == last || now == last + 5, $"{last} -> {now}");
            await AssertWhole(store, now);
            last = await LogFiller.AppendOne(store, token, now);
        }
        Assert.Equal(10, proxy.AnswersLost);
    }

    [Fact]
    public async Task Renewals_take_overs_and_releases_whose_answers_are_lost_are_unknown()
    {
        await using var proxy = new FaultProxy(_server.Port);
        await using var store = await Open(_server.NewEndpoint(proxy.Port));
        (var token, _) = await LogFiller.Fill(store, 1);
        var seen = await store.ReadFence(default);
        Func<Task>[] writes =
        [
            () => store.Renew(token, default),
            () => store.TakeOver(seen, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default),
            () => store.Release(token, default),
        ];
        foreach (var write in writes)
        {
            await store.ReadFence(default);
            await Assert.ThrowsAnyAsync<Exception>(() => store.Renew(new FenceToken(-1, Guid.NewGuid()), default)); // opens the writer's connection
            proxy.LosingAnswers = true;
            await Assert.ThrowsAsync<OutcomeUnknownException>(write);
            proxy.LosingAnswers = false;
        }
    }

    [Fact]
    public async Task Reads_and_writes_fail_as_unavailable_while_the_server_refuses_and_go_on_by_themselves()
    {
        await using var proxy = new FaultProxy(_server.Port);
        await using var store = await Open(_server.NewEndpoint(proxy.Port));
        (var token, var last) = await LogFiller.Fill(store, 10);
        await store.ReadSide(default);

        proxy.Refusing = true;
        proxy.CutAll();
        // The first write finds out that its connection is gone, and cannot know when it went.
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => LogFiller.AppendOne(store, token, last));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadSide(default));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadValues(new RecordId[] { new(2, 0) }, default));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(store, token, last));

        proxy.Refusing = false;
        Assert.Equal(last, (await store.ReadFence(default)).LastRevision);
        last = await LogFiller.AppendOne(store, token, last);
        await AssertWhole(store, last);
    }

    [Fact]
    public async Task A_read_on_a_connection_that_was_cut_while_idle_is_answered_over_a_new_one()
    {
        await using var proxy = new FaultProxy(_server.Port);
        await using var store = await Open(_server.NewEndpoint(proxy.Port));
        (_, var last) = await LogFiller.Fill(store, 10);
        for (var i = 0; i < 8; i++)
        {
            proxy.CutAll();
            await AssertWhole(store, last);
        }
    }

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_the_server_is_killed_under_appends()
    {
        await using var store = await Open(_server.NewEndpoint());
        (var token, var last) = await LogFiller.Fill(store, 10);
        for (var round = 0; round < 3; round++)
        {
            var killing = Task.Delay(100 + (70 * round)).ContinueWith(_ => _server.Kill(), TaskScheduler.Default).Unwrap();
            var failure = await Assert.ThrowsAnyAsync<Exception>(async () =>
            {
                while (true)
                    last = await LogFiller.Append(store, token, last, 20, 500);
            });
            Assert.True(failure is OutcomeUnknownException or StoreUnavailableException, failure.ToString());
            await killing;
            await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadFence(default));
            await _server.Start();

            (token, var now) = await TakeOver(store);
            Assert.True(now == last || now == last + 20, $"{last} -> {now}");
            await AssertWhole(store, now);
            last = await LogFiller.AppendOne(store, token, now);
        }
    }

    [Fact]
    public async Task An_append_to_a_server_that_stands_still_is_unknown_after_the_read_timeout()
    {
        await using var store = await Open(_server.NewEndpoint() + "?readTimeout=1s");
        (var token, var last) = await LogFiller.Fill(store, 10);
        await _server.Process.Pause();
        try
        {
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => LogFiller.AppendOne(store, token, last));
        }
        finally
        {
            _server.Process.Signal(SigContinue);
        }
        (token, var now) = await TakeOver(store);
        Assert.True(now == last || now == last + 1, $"{last} -> {now}");
        await AssertWhole(store, await LogFiller.AppendOne(store, token, now));
    }

    [Fact]
    public async Task An_append_that_a_deadlock_rolled_back_is_tried_again()
    {
        var endpoint = _server.NewEndpoint();
        await using var store = await Open(endpoint);
        (var token, var last) = await LogFiller.Fill(store, 1);
        await using var server = new MySqlServer(StoreEndpoint.Parse(endpoint).MySql!);
        await using var other = await server.ConnectOnce();
        // The more rows a transaction has changed, the less is it chosen as the victim.
        await other.Run("CREATE TABLE ballast(id INT PRIMARY KEY) ENGINE = InnoDB; START TRANSACTION; INSERT INTO ballast WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n");
        await other.Run($"INSERT INTO kine_log VALUES({(last + 1) << 22}, 0, 0, 0, 0, 0, 'x', '')");
        var before = await Deadlocks();

        var append = LogFiller.AppendOne(store, token, last);
        while ((await _server.Run("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")).EndsWith("\t0", StringComparison.Ordinal))
            await Task.Delay(10);

        await other.Run("UPDATE kine_fence SET counter = counter WHERE one = 1");
        await other.Run("ROLLBACK");

        await AssertWhole(store, await append);
        Assert.True(await Deadlocks() > before, "there was no deadlock");

        async Task<long> Deadlocks() => long.Parse((await _server.Run(_server.DeadlocksQuery)).Split('\t')[^1], CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task An_append_that_waits_too_long_for_a_lock_is_unavailable_and_leaves_nothing()
    {
        var endpoint = _server.NewEndpoint();
        await using var store = await Open(endpoint);
        (var token, var last) = await LogFiller.Fill(store, 1);
        await using var server = new MySqlServer(StoreEndpoint.Parse(endpoint).MySql!);
        await using var other = await server.ConnectOnce();
        await other.Run("START TRANSACTION; UPDATE kine_fence SET counter = counter + 1 WHERE one = 1");

        await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(store, token, last));

        await other.Run("ROLLBACK");
        await AssertWhole(store, last);
        await AssertWhole(store, await LogFiller.AppendOne(store, token, last));
    }

    [Fact]
    public async Task Appends_held_up_at_their_commit_by_a_backup_s_lock_are_unavailable_and_leave_nothing()
    {
        var endpoint = _server.NewEndpoint();
        await using var store = await Open(endpoint);
        (var token, var last) = await LogFiller.Fill(store, 1);
        await using var server = new MySqlServer(StoreEndpoint.Parse(endpoint).MySql!);
        await using var other = await server.ConnectOnce();
        await other.Run(_server.BackupLock.Begin);

        await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(store, token, last));

        await other.Run(_server.BackupLock.End);
        await AssertWhole(store, last);
        await AssertWhole(store, await LogFiller.AppendOne(store, token, last));
    }

    [Fact]
    public async Task A_full_disk_makes_appends_unavailable_until_there_is_room_again()
    {
        await using var store = await Open(_server.NewEndpoint());
        (var token, var last) = await LogFiller.Fill(store, 1);
        await _server.LimitFiles(64 << 20);
        try
        {
            var full = await Assert.ThrowsAsync<StoreFullException>(async () =>
            {
                for (var i = 0; i < 100; i++)
                    last = await LogFiller.Append(store, token, last, 100, 20_000);
            });
            Assert.Contains("full", full.Message);
            Assert.True(store.IsFull);
            Assert.Equal(last, (await store.ReadFence(default)).LastRevision);
        }
        finally
        {
            await _server.LimitFiles(null);
        }
        last = await LogFiller.Append(store, token, last, 100, 20_000);
        await AssertWhole(store, last);
    }

    [Fact]
    public async Task A_writer_that_was_taken_over_is_refused_in_the_middle_of_its_appends()
    {
        var endpoint = _server.NewEndpoint();
        await using var old = await Open(endpoint);
        await using var young = await Open(endpoint);
        (var token, var last) = await LogFiller.Fill(old, 1);
        var writing = Task.Run(async () =>
        {
            // The records of one append go in several packets.
            while (true)
                last = await LogFiller.Append(old, token, last, 300, 20_000);
        });
        await Task.Delay(300);
        (var mine, var seen) = await TakeOver(young);
        await Assert.ThrowsAsync<FencedException>(() => writing);
        Assert.Equal(last, seen);
        await AssertWhole(young, seen);
        await AssertWhole(young, await LogFiller.AppendOne(young, mine, seen));
    }

    private static async Task<IRevisionStore> Open(string endpoint)
    {
        var store = StoreEndpoint.Parse(endpoint).Create();
        await store.Open(default);
        return store;
    }

    private static async Task<(FenceToken Token, long Last)> TakeOver(IRevisionStore store)
    {
        while (true)
        {
            var mine = await store.TakeOver(await store.ReadFence(default), Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default);
            if (mine is not null)
                return (new FenceToken(mine.Epoch, mine.Holder), mine.LastRevision);
        }
    }

    // One record for each revision from 2 on, and the fence's last revision is the last of them.
    private static async Task AssertWhole(IRevisionStore store, long last)
    {
        Assert.Equal(last, (await store.ReadFence(default)).LastRevision);
        long expected = 2;
        RecordId after = default;
        MetadataVisitor visit = (in RecordMetadata record, ReadOnlySpan<byte> _) => Assert.Equal(expected++, record.Revision);
        while (await store.ScanMetadata(after, long.MaxValue, 10_000, visit, default) is { } end)
            after = end;

        Assert.Equal(last + 1, expected);
    }
}
