using System.Text;
using Kine.Backends.Postgres;
using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Postgres;

/// <summary>Upstream kine's table is found and read as it is, whatever release made it, and stays as it was.</summary>
[Collection(PostgresCollection.Name)]
public class PostgresUpstreamTests(PostgresFixture fixture)
{
    private PostgresServer Server => fixture.Server;

    [Theory]
    [InlineData("SERIAL", "INTEGER", "VARCHAR(630)")]
    [InlineData("BIGSERIAL", "BIGINT", "text COLLATE \"C\"")]
    public async Task Rows_of_the_layouts_of_upstreams_releases_come_back_whole(string id, string revision, string name)
    {
        var database = await NewDatabase($"""
            CREATE TABLE kine(id {id} PRIMARY KEY, name {name}, created INTEGER, deleted INTEGER, create_revision {revision}, prev_revision {revision},
                lease INTEGER, value bytea, old_value bytea);
            INSERT INTO kine VALUES(1, 'compact_rev_key', 1, 0, 0, 5, 0, '', NULL), (2, '/registry/ä', 1, 0, 0, 0, 3600, '\x00ff', NULL),
                (3, 'gap-3', 0, 1, 0, 0, 0, '', ''), (7, '/registry/ä', 0, 1, 2, 2, 0, '\x00ff', '\x00ff'), (8, '/nulls', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
            """);
        await using var store = (PostgresRevisionStore)StoreEndpoint.Parse(Server.Endpoint(database)).Create();
        await store.Open(default);

        Assert.True(await store.HasUpstreamTable(default));
        var rows = await store.ReadUpstreamRows(0, 4, default);
        rows.AddRange(await store.ReadUpstreamRows(rows[^1].Id, 4, default));

        Assert.Equal(
            [
                "1 compact_rev_key True False 0 5 0 ",
                "2 /registry/ä True False 0 0 3600 00FF",
                "3 gap-3 False True 0 0 0 ",
                "7 /registry/ä False True 2 2 0 00FF",
                "8 /nulls False False 0 0 0 ",
            ],
            rows.Select(row => $"{row.Id} {Encoding.UTF8.GetString(row.Name)} {row.Created} {row.Deleted} {row.CreateRevision} {row.PreviousRevision} {row.Lease} "
                + Convert.ToHexString(row.Value)));
        Assert.Empty(await store.ReadUpstreamRows(8, 4, default));
        Assert.Equal(5L, await Server.Query(database, "SELECT count(*) FROM kine"));
    }

    [Fact]
    public async Task A_database_without_it_says_so_and_so_does_one_with_another_table_of_that_name()
    {
        foreach (var table in (string[])["", "CREATE TABLE kine(id integer, name text)"])
        {
            var database = await NewDatabase(table);
            await using var store = (PostgresRevisionStore)StoreEndpoint.Parse(Server.Endpoint(database)).Create();
            await store.Open(default);
            Assert.False(await store.HasUpstreamTable(default));
        }
    }

    private async Task<string> NewDatabase(string statements)
    {
        var database = $"upstream_{Guid.NewGuid():n}";
        await Server.Query("postgres", $"CREATE DATABASE {database}");
        if (statements.Length > 0)
            await Server.Query(database, statements);

        return database;
    }
}
