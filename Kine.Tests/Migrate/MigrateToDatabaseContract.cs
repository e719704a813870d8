using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Snapshots;
using Kine.Tests.Wire;

namespace Kine.Tests.Migrate;

/// <summary>From etcd into a database, and from there into a file.</summary>
public abstract class MigrateToDatabaseContract
{
    /// <summary>A store of this test in the database.</summary>
    protected abstract string Endpoint { get; }

    [Fact]
    public async Task A_snapshot_whose_revision_was_bumped_is_restored_with_it()
    {
        using var folder = new TempFolder();
        await using var etcd = await EtcdServer.StartNew();
        using var channel = new EtcdChannel(etcd.Address);
        await channel.Put("a", "1");
        await SnapshotTools.EtcdctlSave(etcd, folder["snapshot.db"]);
        await using var bumped = EtcdServer.Prepare();
        await SnapshotTools.EtcdutlRestore(folder["snapshot.db"], bumped, "--bump-revision", "100000", "--mark-compacted");

        await SnapshotTools.Kine(
            "snapshot", "restore", Path.Combine(bumped.DataDirectory, "member", "snap", "db"), "--to", Endpoint, "--skip-hash-check");

        await using var kine = await KineServer.StartOn(Endpoint);
        using var moved = new EtcdChannel(kine.Address);
        Assert.Equal(100_002, (await moved.HashKV()).CompactRevision);
        Assert.Equal("1", (await moved.Get("a"))!.Value.ToStringUtf8());
        Assert.Equal(100_003, (await moved.Put("b", "1")).Header.Revision);
    }

    [Fact]
    public async Task A_running_etcd_goes_in_and_a_store_in_a_file_comes_out()
    {
        using var folder = new TempFolder();
        await using var etcd = await EtcdServer.StartNew();
        using var channel = new EtcdChannel(etcd.Address);
        var compacted = await History.Write(channel);
        var expected = await History.Describe(channel, compacted);

        await SnapshotTools.Kine("migrate", "--from", $"http://{etcd.Address}", "--to", Endpoint);
        await using (var kine = await KineServer.StartOn(Endpoint))
        {
            using var moved = new EtcdChannel(kine.Address);
            Assert.Equal(expected, await History.Describe(moved, compacted));
            Assert.Contains("in use", await SnapshotTools.KineRefuses("migrate", "--from", Endpoint, "--to", $"sqlite://{folder["b"]}"), StringComparison.Ordinal);
            await kine.Process.Terminate(TimeSpan.FromSeconds(30));
        }
        await SnapshotTools.Kine("migrate", "--from", Endpoint, "--to", $"sqlite://{folder["b"]}");

        await using var other = await KineServer.StartOn($"sqlite://{folder["b"]}");
        using var again = new EtcdChannel(other.Address);
        Assert.Equal(expected, await History.Describe(again, compacted));
    }
}
