using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Postgres;

/// <summary>PgBouncer in transaction mode with fewer server connections than the store has clients.</summary>
[Collection(PostgresCollection.Name)]
public class PgBouncerTests(PostgresFixture fixture)
{
    [Fact]
    public async Task Two_stores_share_two_server_connections_and_leave_no_setting_behind()
    {
        await using var bouncer = await PgBouncer.StartNew(fixture.Server, poolSize: 2);
        var database = $"shared_{Guid.NewGuid():n}";
        await using var writer = StoreEndpoint.Parse(fixture.Server.Endpoint(database, bouncer.Port)).Create();
        await using var standby = StoreEndpoint.Parse(fixture.Server.Endpoint(database, bouncer.Port)).Create();
        await Task.WhenAll(writer.Open(default), standby.Open(default));
        (var token, var last) = await LogFiller.Fill(writer, 10);
        using var done = new CancellationTokenSource();
        Task[] others =
        [
            .. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
            {
                while (!done.IsCancellationRequested)
                {
                    Assert.NotNull((await standby.ReadValues(new RecordId[] { new(5, 0) }, default))[0]);
                    Assert.Equal(token.Epoch, (await standby.ReadFence(default)).Epoch);
                }
            })),
            Task.Run(async () =>
            {
                while (!done.IsCancellationRequested) { await writer.Renew(token, default); } }),
        ];
        for (var i = 0; i < 50; i++)
            last = await LogFiller.Append(writer, token, last, i == 25 ? 9000 : 5, valueLength: 20);

        await done.CancelAsync();
        await Task.WhenAll(others);

        Assert.Equal(last, (await standby.ReadFence(default)).LastRevision);
        // Whoever gets the sessions next finds them as the server made them.
        await using var other = new Npgsql.NpgsqlConnection(
            $"Host=127.0.0.1;Port={bouncer.Port};Username={PostgresServer.User};Password={PostgresServer.Password};Database={database};Pooling=false;SSL Mode=Disable");
        await other.OpenAsync();
        for (var i = 0; i < 10; i++)
        {
            await using var settings = new Npgsql.NpgsqlCommand(
                "SELECT current_setting('lock_timeout') || current_setting('synchronous_commit') || current_setting('idle_in_transaction_session_timeout')", other);
            Assert.Equal("0on0", await settings.ExecuteScalarAsync());
        }
    }

    [Fact]
    public async Task A_setting_that_it_does_not_pass_on_is_named()
    {
        await using var bouncer = await PgBouncer.StartNew(fixture.Server, poolSize: 2);
        await using var store = StoreEndpoint.Parse($"{fixture.Server.Endpoint("postgres", bouncer.Port)}?search_path=x").Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.Contains("search_path", refused.Message);
    }
}
