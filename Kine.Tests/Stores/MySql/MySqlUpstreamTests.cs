using Kine.Backends.Stores;
using Kine.Backends.Upstream;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>The table that upstream kine left in the same database is read as it is.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MySqlUpstreamTests(MariaDbFixture fixture)
{
    private readonly MariaDbServer _server = fixture.Server;

    // Releases 0.9 and 0.16: plain integers first, BIGINT UNSIGNED later.
    [Theory]
    [InlineData("INTEGER")]
    [InlineData("BIGINT UNSIGNED")]
    public async Task Upstream_s_rows_come_back_with_gaps_tombstones_and_any_bytes(string number)
    {
        var database = MariaDbServer.NewDatabase();
        await _server.Run($"CREATE DATABASE {database}");
        await _server.Run(
            $"""
            CREATE TABLE kine(id {number} AUTO_INCREMENT, name VARCHAR(630) CHARACTER SET ascii, created INTEGER, deleted INTEGER, create_revision {number},
                prev_revision {number}, lease INTEGER, value MEDIUMBLOB, old_value MEDIUMBLOB, PRIMARY KEY (id));
            INSERT INTO kine VALUES
                (1, 'compact_rev_key', 1, 0, 0, 7, 0, '', NULL),
                (2, '/a', 1, 0, 0, 0, 3600, x'00ff27005c0a', NULL),
                (3, '/a', 0, 0, 2, 2, 0, REPEAT('v', 100000), ''),
                (5, 'gap-5', 0, 1, 0, 0, 0, NULL, NULL),
                (9, '/a', 0, 1, 2, 3, 0, 'last', NULL)
            """, database);
        await using var store = StoreEndpoint.Parse(_server.Endpoint(database)).Create();
        await store.Open(default);
        var table = (IUpstreamTable)store;

        Assert.True(await table.HasUpstreamTable(default));
        var first = await table.ReadUpstreamRows(0, 3, default);
        var rest = await table.ReadUpstreamRows(3, 100, default);

        Assert.Equal([1L, 2, 3], first.Select(row => row.Id));
        Assert.Equal([5L, 9], rest.Select(row => row.Id));
        Assert.Empty(await table.ReadUpstreamRows(9, 100, default));
        Assert.Equal(("compact_rev_key", 7L), (Text(first[0].Name), first[0].PreviousRevision));
        Assert.Equal(("/a", true, false, 0L, 0L, 3600L), Columns(first[1]));
        Assert.Equal([0, 255, 39, 0, 92, 10], first[1].Value);
        Assert.Equal(("/a", false, false, 2L, 2L, 0L), Columns(first[2]));
        Assert.Equal(100_000, first[2].Value.Length);
        Assert.Equal(("gap-5", false, true, 0L, 0L, 0L), Columns(rest[0]));
        Assert.Empty(rest[0].Value);
        Assert.Equal(("/a", false, true, 2L, 3L, 0L), Columns(rest[1]));
        Assert.Equal("5", await _server.Run("SELECT COUNT(*) FROM kine", database));
    }

    [Fact]
    public async Task A_database_without_upstream_s_table_has_none()
    {
        await using var store = StoreEndpoint.Parse(_server.NewEndpoint()).Create();
        await store.Open(default);
        Assert.False(await ((IUpstreamTable)store).HasUpstreamTable(default));
    }

    private static (string, bool, bool, long, long, long) Columns(UpstreamRow row) =>
        (Text(row.Name), row.Created, row.Deleted, row.CreateRevision, row.PreviousRevision, row.Lease);

    private static string Text(byte[] bytes) => System.Text.Encoding.ASCII.GetString(bytes);
}
