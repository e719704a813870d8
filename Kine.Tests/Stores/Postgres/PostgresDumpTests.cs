using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Postgres;

/// <summary>PostgreSQL's own backup of a live store restores to a store.</summary>
[Collection(PostgresCollection.Name)]
public class PostgresDumpTests(PostgresFixture fixture)
{
    private PostgresServer Server => fixture.Server;

    [Theory]
    [InlineData("plain")]
    [InlineData("custom")]
    public async Task A_dump_taken_while_appends_go_on_restores_to_a_store_with_one_fence_and_the_log_up_to_it(string format)
    {
        var database = $"dumped_{Guid.NewGuid():n}";
        var copy = $"restored_{Guid.NewGuid():n}";
        using var folder = new Servers.TempFolder();
        ServerAccount.Own(folder.FullName);
        await using var store = StoreEndpoint.Parse(Server.Endpoint(database)).Create();
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 5000);
        var side = new AppendBatch { Token = token, ExpectedRevision = last, LastRevision = last };
        side.Side.Add(new SideRow(SideKind.Meta, [0, 255], [1, 0, 2]));
        await store.Append(side);

        using var stop = new CancellationTokenSource();
        var appending = Task.Run(async () =>
        {
            for (var next = last; ;)
            {
                next = await LogFiller.Append(store, token, next, 3, valueLength: 3000);
                if (stop.IsCancellationRequested)
                    return next;
            }
        });
        var environment = new Dictionary<string, string> { ["PGPASSWORD"] = PostgresServer.Password };
        string[] server = ["-h", "127.0.0.1", "-p", $"{Server.Port}", "-U", PostgresServer.User];
        await ServerAccount.Run(PostgresServer.Program("pg_dump"), [.. server, "-F", format, "-f", folder["dump"], database], environment);
        await stop.CancelAsync();
        var final = await appending;
        await Server.Query("postgres", $"CREATE DATABASE {copy}");
        string[] restore = format == "plain"
            ? [.. server, "-q", "-v", "ON_ERROR_STOP=1", "-d", copy, "-f", folder["dump"]]
            : [.. server, "--exit-on-error", "-d", copy, folder["dump"]];
        await ServerAccount.Run(PostgresServer.Program(format == "plain" ? "psql" : "pg_restore"), restore, environment);

        await using var restored = StoreEndpoint.Parse(Server.Endpoint(copy)).Create();
        await restored.Open(default);
        var fence = await restored.ReadFence(default);
        Assert.InRange(fence.LastRevision, last, final);
        Assert.Equal((token.Epoch, token.Holder), (fence.Epoch, fence.Holder));
        var was = await store.ReadRecords(default, fence.LastRevision, int.MaxValue, long.MaxValue, default);
        var now = await restored.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default);
        Assert.Equal(fence.LastRevision, now[^1].Revision);
        Assert.Equal(was.Select(Text), now.Select(Text));
        var row = Assert.Single(await restored.ReadSide(default));
        Assert.Equal("00FF=010002", $"{Convert.ToHexString(row.Key)}={Convert.ToHexString(row.Value!)}");
        var taken = (await restored.TakeOver(fence, Guid.NewGuid(), "", TimeSpan.FromSeconds(1), default))!;
        await LogFiller.AppendOne(restored, new FenceToken(taken.Epoch, taken.Holder), taken.LastRevision);

        static string Text(LogRecord record) =>
            $"{record.Id} {Convert.ToHexString(record.Key.Span)} {record.CreateRevision} {record.Version} {record.Lease} {record.Tombstone} {Convert.ToHexString(record.Value.Span)}";
    }
}
