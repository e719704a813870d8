using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Postgres;
using Kine.Tests.Servers;
using Npgsql;

namespace Kine.Tests.Stores.Postgres;

/// <summary>Several hosts: the store follows the primary, and what it acknowledged under synchronous replication is there after a switch.</summary>
public class PostgresSwitchTests : IAsyncLifetime
{
    private readonly PostgresServer _first = new();
    private PostgresReplica _second = null!;
    private IRevisionStore _store = null!;
    private FenceToken _token;

    public async Task InitializeAsync()
    {
        await _first.Start();
        _second = new PostgresReplica(_first);
        await _second.Start();
        await Configure($"synchronous_standby_names = '{PostgresReplica.StandbyName}'");
        await Until(async () => await _first.Query("postgres", "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") is 1L);
        var hosts = $"127.0.0.1:{_second.Port},127.0.0.1:{_first.Port}";
        var options = PostgresEndpoint.Parse(
            $"{PostgresServer.User}:{Uri.EscapeDataString(PostgresServer.Password)}@{hosts}/kine", new StoreSettings());
        _store = new PostgresRevisionStore(options with { AppendTimeout = TimeSpan.FromMinutes(2) });
        await _store.Open(default);
        await Claim();
    }

    public async Task DisposeAsync()
    {
        await _store.DisposeAsync();
        await _second.DisposeAsync();
        await _first.DisposeAsync();
    }

    [Fact]
    public async Task After_a_killed_primary_and_a_promotion_every_acknowledged_append_is_there_and_appends_go_on()
    {
        var last = (await _store.ReadFence(default)).LastRevision;
        var acknowledged = last;
        var appending = Task.Run(async () =>
        {
            while (true)
                acknowledged = await LogFiller.AppendOne(_store, _token, acknowledged);
        });
        await Until(() => Task.FromResult(Volatile.Read(ref acknowledged) > last + 20));
        await _first.Kill();
        await Assert.ThrowsAnyAsync<Exception>(() => appending);
        Assert.True(appending.Exception!.InnerException is OutcomeUnknownException or StoreUnavailableException, appending.Exception.ToString());
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.ReadFence(default)); // a standby is not asked

        await _second.Promote();
        await _second.Query("postgres", "SELECT 1");
        var fence = await Claim();
        Assert.InRange(fence.LastRevision, acknowledged, acknowledged + 1);
        last = await LogFiller.AppendOne(_store, _token, fence.LastRevision);
        var log = await _store.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default);
        Assert.Equal(Enumerable.Range(2, (int)last - 1), log.Select(record => (int)record.Revision));
    }

    [Fact]
    public async Task A_commit_whose_wait_for_the_standby_was_cancelled_is_unknown()
    {
        var before = await _store.ReadFence(default);
        await _second.Kill();
        var appending = LogFiller.AppendOne(_store, _token, before.LastRevision);
        await Until(async () => await _first.Query(
            "postgres", "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'kine'") is not 0L);
        var unknown = await Assert.ThrowsAsync<OutcomeUnknownException>(() => appending);
        Assert.Contains("synchronous replication", unknown.Message);
        Assert.Equal(before.LastRevision + 1, (await _store.ReadFence(default)).LastRevision);

        // Only when the standby has it all does a take-over come back.
        var claiming = Claim();
        await Until(async () => await _first.Query(
            "postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'kine'") is 1L);
        Assert.False(claiming.IsCompleted);
        await _second.Start();
        Assert.Equal(before.LastRevision + 1, (await claiming).LastRevision);
    }

    private async Task<Fence> Claim()
    {
        var seen = await _store.ReadFence(default);
        var taken = (await _store.TakeOver(seen, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default))!;
        _token = new FenceToken(taken.Epoch, taken.Holder);
        return taken;
    }

    private async Task Configure(string setting)
    {
        await using var connection = await _first.Connect("postgres");
        foreach (var statement in (string[])[$"ALTER SYSTEM SET {setting}", "SELECT pg_reload_conf()"])
        {
            await using var command = new NpgsqlCommand(statement, connection);
            await command.ExecuteNonQueryAsync();
        }
    }

    private static async Task Until(Func<Task<bool>> done)
    {
        var deadline = DateTime.UtcNow + TimeSpan.FromMinutes(2);
        while (!await done())
        {
            Assert.True(DateTime.UtcNow < deadline, "it did not come to that");
            await Task.Delay(10);
        }
    }
}
