using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Snapshots;

/// <summary>SQLite's own shell backs a live server up, as an administrator's backup job does.</summary>
public sealed class SqliteBackupTests : IDisposable
{
    private static readonly RangeRequest All = new() { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_backup_of_a_live_server_is_a_store_that_a_server_starts_on()
    {
        await using var live = await KineServer.StartNew();
        using var channel = new EtcdChannel(live.Address);
        var compacted = await History.Write(channel);
        var before = (await channel.Put("/before", "1")).Header.Revision;
        using var stop = new CancellationTokenSource();
        var writes = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await channel.Put($"/meanwhile/{i}", $"{i}");
                await Task.Delay(5);
            }
        });

        var backup = _folder["backup.db"];
        var done = await Command.Run("/usr/bin/sqlite3", [live.DatabasePath, $".backup '{backup}'"]);
        await stop.CancelAsync();
        await writes;
        Assert.True(done.ExitCode == 0, done.Errors);

        await using var restored = await KineServer.StartOn($"sqlite://{backup}");
        using var other = new EtcdChannel(restored.Address);
        var there = await other.Range(All);
        var here = await channel.Range(new RangeRequest(All) { Revision = there.Header.Revision });
        Assert.True(there.Header.Revision >= before);
        Assert.Equal(here.Kvs, there.Kvs);
        Assert.Equal((await channel.HashKV(there.Header.Revision)).Hash, (await other.HashKV()).Hash);
        Assert.Equal(compacted, (await other.HashKV()).CompactRevision);
        Assert.Equal(there.Header.Revision + 1, (await other.Put("/next", "1")).Header.Revision);
    }
}
