using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>Backups with the database's own tool.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MySqlDumpTests(MariaDbFixture fixture)
{
    private readonly MariaDbServer _server = fixture.Server;

    [Theory]
    [InlineData("--hex-blob")]
    [InlineData("--skip-hex-blob")]
    public async Task A_dump_of_a_store_under_writes_restores_to_a_store_with_one_whole_state(string blobs)
    {
        var database = MariaDbServer.NewDatabase();
        await using var store = StoreEndpoint.Parse(_server.Endpoint(database)).Create();
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 5000);
        var dumping = Command.Run(
            "mariadb-dump", ["--no-defaults", "--user=root", $"--socket={_server.Socket}", "--single-transaction", blobs, $"--result-file={Path(database)}", database]);
        while (!dumping.IsCompleted)
            last = await LogFiller.Append(store, token, last, 10, 100);

        var dump = await dumping;
        Assert.True(dump.ExitCode == 0, dump.Errors);

        var restored = MariaDbServer.NewDatabase();
        await _server.Run($"CREATE DATABASE {restored}");
        await _server.Run($"SOURCE {Path(database)}", restored);

        await using var copy = StoreEndpoint.Parse(_server.Endpoint(restored)).Create();
        await copy.Open(default);
        var fence = await copy.ReadFence(default);
        Assert.InRange(fence.LastRevision, 5001, last);
        var records = await copy.ReadRecords(default, long.MaxValue, int.MaxValue, long.MaxValue, default);
        Assert.Equal(fence.LastRevision - 1, records.Count);
        var original = await store.ReadRecords(default, fence.LastRevision, int.MaxValue, long.MaxValue, default);
        for (var i = 0; i < records.Count; i++)
        {
            Assert.Equal(original[i].Id, records[i].Id);
            Assert.True(original[i].Key.Span.SequenceEqual(records[i].Key.Span));
            Assert.True(original[i].Value.Span.SequenceEqual(records[i].Value.Span));
        }
        await LogFiller.AppendOne(copy, token, fence.LastRevision);
    }

    private string Path(string database) => System.IO.Path.Combine(_server.Folder, $"{database}.sql");
}
