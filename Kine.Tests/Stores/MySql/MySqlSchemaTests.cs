using Kine.Backends;
using Kine.Backends.MySql;
using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>Opening: who creates what, and what is refused.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MySqlSchemaTests(MariaDbFixture fixture)
{
    private readonly MariaDbServer _server = fixture.Server;

    [Fact]
    public async Task Stores_that_open_a_new_database_at_once_all_open_and_share_it()
    {
        var endpoint = _server.NewEndpoint();
        IRevisionStore[] stores = [.. Enumerable.Range(0, 8).Select(_ => StoreEndpoint.Parse(endpoint).Create())];
        try
        {
            await Task.WhenAll(stores.Select(store => store.Open(default)));
            var seen = await stores[0].ReadFence(default);
            var taken = await Task.WhenAll(stores.Select(store => store.TakeOver(seen, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default)));
            Assert.Single(taken, fence => fence is not null);
        }
        finally
        {
            foreach (var store in stores)
                await store.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_schema_that_was_left_half_made_is_completed()
    {
        var database = MariaDbServer.NewDatabase();
        await Fill(database);
        await _server.Run("DROP TABLE kine_schema; DROP TABLE kine_size", database);
        await using var store = Create(database);
        await store.Open(default);
        Assert.Equal(11, (await store.ReadFence(default)).LastRevision);
        Assert.Equal("1", await _server.Run("SELECT version FROM kine_schema", database));
    }

    [Fact]
    public async Task A_newer_schema_is_refused()
    {
        var database = MariaDbServer.NewDatabase();
        await Fill(database);
        await _server.Run("UPDATE kine_schema SET version = 99", database);
        Assert.Contains("version 99", await Refusal(Create(database)));
    }

    [Fact]
    public async Task Tables_without_transactions_are_refused()
    {
        var database = MariaDbServer.NewDatabase();
        await Fill(database);
        await _server.Run("ALTER TABLE kine_log ENGINE = Aria", database);
        Assert.Contains("InnoDB", await Refusal(Create(database)));
    }

    [Fact]
    public async Task A_server_with_small_packets_is_refused()
    {
        await _server.Run("SET GLOBAL max_allowed_packet = 1048576");
        try
        {
            Assert.Contains("max_allowed_packet", await Refusal(StoreEndpoint.Parse(_server.NewEndpoint()).Create()));
        }
        finally
        {
            await _server.Run("SET GLOBAL max_allowed_packet = 16777216");
        }
    }

    [Fact]
    public async Task A_session_variable_that_the_server_does_not_know_is_refused_by_name() =>
        Assert.Contains("sleepiness", await Refusal(StoreEndpoint.Parse(_server.NewEndpoint() + "?sleepiness=1").Create()));

    [Fact]
    public async Task A_user_who_may_not_create_the_database_is_told_so()
    {
        var database = MariaDbServer.NewDatabase();
        await _server.Run($"CREATE USER {database}@localhost IDENTIFIED BY 'geheim'");
        var refusal = await Refusal(StoreEndpoint.Parse($"mysql://{database}:geheim@tcp(127.0.0.1:{_server.Port})/{database}").Create());
        Assert.Contains("create", refusal);
        Assert.DoesNotContain("geheim", refusal);
    }

    [Fact]
    public async Task A_read_only_server_lets_a_standby_open_and_read_but_takes_no_append()
    {
        var database = MariaDbServer.NewDatabase();
        await Fill(database);
        await _server.Run($"CREATE USER {database}@localhost; GRANT ALL ON {database}.* TO {database}@localhost; SET GLOBAL read_only = 1");
        await using var store = StoreEndpoint.Parse($"mysql://{database}@tcp(127.0.0.1:{_server.Port})/{database}").Create();
        try
        {
            await store.Open(default);
            var fence = await store.ReadFence(default);
            Assert.Equal(11, fence.LastRevision);
            Assert.Equal(10, (await store.ReadRecords(default, long.MaxValue, 100, long.MaxValue, default)).Count);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => store.TakeOver(fence, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => LogFiller.AppendOne(store, new FenceToken(fence.Epoch, fence.Holder), 11));
            Assert.Contains("read-only", await Refusal(StoreEndpoint.Parse($"mysql://{database}@tcp(127.0.0.1:{_server.Port})/{await EmptyDatabase(database)}").Create()));
        }
        finally
        {
            await _server.Run("SET GLOBAL read_only = 0");
        }
        await LogFiller.Fill(store, 1);
        Assert.Equal(12, (await store.ReadFence(default)).LastRevision);
    }

    [Fact]
    public async Task Settings_of_the_server_that_give_durability_up_are_warned_of()
    {
        await using var store = StoreEndpoint.Parse(_server.NewEndpoint()).Create();
        await store.Open(default);
        Assert.Contains("innodb_flush_log_at_trx_commit=2", Assert.Single(store.Warnings));
    }

    [Fact]
    public async Task The_session_is_the_store_s_own_whatever_the_endpoint_and_the_server_say()
    {
        await _server.Run("SET GLOBAL sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES', GLOBAL tx_isolation = 'SERIALIZABLE', GLOBAL autocommit = 0");
        try
        {
            var endpoint = _server.NewEndpoint() + "?sql_mode=''&autocommit=0&charset=latin1&net_write_timeout=77";
            var options = StoreEndpoint.Parse(endpoint).MySql!;
            await using (var store = StoreEndpoint.Parse(endpoint).Create())
            {
                await store.Open(default);
                (var token, var last) = await LogFiller.Fill(store, 10);
                await LogFiller.AppendOne(store, token, last);
                Assert.Equal(12, (await store.ReadFence(default)).LastRevision);
            }
            await using var server = new MySqlServer(options);
            await using var connection = await server.ConnectOnce();
            var text = "";
            await connection.Run("SELECT @@sql_mode, @@tx_isolation, @@autocommit, @@character_set_client, @@net_write_timeout, @@innodb_lock_wait_timeout",
                row => text = string.Join(' ', Enumerable.Range(0, 6).Select(row.GetValue)));
            Assert.Equal("STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION READ-COMMITTED 1 utf8mb4 77 5", text);
        }
        finally
        {
            await _server.Run("SET GLOBAL sql_mode = DEFAULT, GLOBAL tx_isolation = DEFAULT, GLOBAL autocommit = 1");
        }
    }

    private async Task<string> EmptyDatabase(string owner)
    {
        var database = MariaDbServer.NewDatabase();
        await _server.Run($"CREATE DATABASE {database}; GRANT ALL ON {database}.* TO {owner}@localhost");
        return database;
    }

    private IRevisionStore Create(string database) => StoreEndpoint.Parse(_server.Endpoint(database)).Create();

    private async Task Fill(string database)
    {
        await using var store = Create(database);
        await store.Open(default);
        await LogFiller.Fill(store, 10);
    }

    private static async Task<string> Refusal(IRevisionStore store)
    {
        await using (store)
        {
            return (await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default))).Message;
        }
    }
}
