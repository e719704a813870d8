using System.Text.Json;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Snapshots;

/// <summary>The way in: what kine makes of a snapshot of a real etcd, and of its own.</summary>
public sealed class SnapshotInTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private EtcdServer _etcd = null!;
    private EtcdChannel _channel = null!;

    private string Snapshot => _folder["snapshot.db"];

    private string Store => $"sqlite://{_folder["restored.db"]}";

    public async Task InitializeAsync()
    {
        _etcd = await EtcdServer.StartNew();
        _channel = new EtcdChannel(_etcd.Address);
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _etcd.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_store_restored_from_etcds_snapshot_has_the_same_keys_revisions_leases_and_hash()
    {
        var compacted = await History.Write(_channel);
        var expected = await History.Describe(_channel, compacted);

        await SnapshotTools.EtcdctlSave(_etcd, Snapshot);
        var said = await SnapshotTools.Kine("snapshot", "restore", Snapshot, "--to", Store);

        await using var kine = await KineServer.StartOn(Store);
        using var restored = new EtcdChannel(kine.Address);
        Assert.Equal(expected, await History.Describe(restored, compacted));
        Assert.Contains("read back and compared", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_snapshot_saved_by_kine_from_etcd_restores_as_one_saved_by_etcdctl()
    {
        var compacted = await History.Write(_channel);
        await SnapshotTools.Kine("snapshot", "save", Snapshot, "--from", $"http://{_etcd.Address}");
        await SnapshotTools.Kine("snapshot", "restore", Snapshot, "--to", Store);
        await using var kine = await KineServer.StartOn(Store);
        using var restored = new EtcdChannel(kine.Address);

        Assert.Equal(await History.Describe(_channel, compacted), await History.Describe(restored, compacted));
        Assert.False(File.Exists(Snapshot + ".part"));
    }

    [Fact]
    public async Task Its_own_snapshot_moves_a_store_into_another()
    {
        await using var first = await KineServer.StartNew();
        using var channel = new EtcdChannel(first.Address);
        var compacted = await History.Write(channel);
        await SnapshotTools.Kine("snapshot", "save", Snapshot, "--from", $"http://{first.Address}");
        await SnapshotTools.Kine("snapshot", "restore", Snapshot, "--to", Store);
        await using var second = await KineServer.StartOn(Store);
        using var restored = new EtcdChannel(second.Address);

        Assert.Equal(await History.Describe(channel, compacted), await History.Describe(restored, compacted));
    }

    [Fact]
    public async Task Status_shows_what_etcdutl_shows()
    {
        await History.Write(_channel);
        await SnapshotTools.EtcdctlSave(_etcd, Snapshot);

        using var theirs = JsonDocument.Parse(await SnapshotTools.EtcdutlStatus(Snapshot));
        using var ours = JsonDocument.Parse(await SnapshotTools.Kine("snapshot", "status", Snapshot, "--json"));
        foreach (var name in new[] { "hash", "revision", "totalSize" })
            Assert.Equal(theirs.RootElement.GetProperty(name).GetInt64(), ours.RootElement.GetProperty(name).GetInt64());

        var zero = Google.Protobuf.ByteString.CopyFrom(0);
        var live = await _channel.Range(new RangeRequest { Key = zero, RangeEnd = zero, CountOnly = true });
        Assert.Equal(live.Count, ours.RootElement.GetProperty("totalKey").GetInt64());
        Assert.Equal("holds", ours.RootElement.GetProperty("checksum").GetString());
        Assert.Contains("holds", await SnapshotTools.Kine("snapshot", "status", Snapshot), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_copied_database_with_a_compaction_still_to_be_done_is_restored_as_etcd_would_start_on_it()
    {
        await History.Write(_channel);
        await SnapshotTools.EtcdctlSave(_etcd, Snapshot);
        await using var bumped = EtcdServer.Prepare();
        await SnapshotTools.EtcdutlRestore(Snapshot, bumped, "--bump-revision", "5000", "--mark-compacted");
        var copy = _folder["copy.db"];
        File.Copy(Path.Combine(bumped.DataDirectory, "member", "snap", "db"), copy);
        await bumped.Start();
        using var reference = new EtcdChannel(bumped.Address);

        Assert.Contains("--skip-hash-check", await SnapshotTools.KineRefuses("snapshot", "restore", copy, "--to", Store), StringComparison.Ordinal);
        await SnapshotTools.Kine("snapshot", "restore", copy, "--to", Store, "--skip-hash-check");
        await using var kine = await KineServer.StartOn(Store);
        using var restored = new EtcdChannel(kine.Address);

        var all = new RangeRequest { Key = Google.Protobuf.ByteString.CopyFrom(0), RangeEnd = Google.Protobuf.ByteString.CopyFrom(0) };
        var theirs = await reference.Range(all);
        var ours = await restored.Range(all);
        Assert.Equal(theirs.Kvs, ours.Kvs);
        Assert.Equal(theirs.Header.Revision, ours.Header.Revision);
        Assert.Equal((await reference.HashKV()).CompactRevision, (await restored.HashKV()).CompactRevision);
        var old = await Assert.ThrowsAsync<RpcException>(() => restored.Range(new RangeRequest(all) { Revision = ours.Header.Revision - 1 }));
        Assert.Contains("compacted", old.Message, StringComparison.Ordinal);
        Assert.Equal(ours.Header.Revision + 1, (await restored.Put("next", "1")).Header.Revision);
    }

    [Fact]
    public async Task A_store_that_holds_something_is_left_alone()
    {
        await _channel.Put("a", "1");
        await SnapshotTools.EtcdctlSave(_etcd, Snapshot);
        await using (var kine = await KineServer.StartOn(Store))
        {
            using var channel = new EtcdChannel(kine.Address);
            await channel.Put("mine", "1");
            await channel.Put("mine", "2");
            Assert.Contains("in use", await SnapshotTools.KineRefuses("snapshot", "restore", Snapshot, "--to", Store), StringComparison.Ordinal);
            await kine.Process.Terminate(TimeSpan.FromSeconds(30));
        }
        Assert.Contains("not empty", await SnapshotTools.KineRefuses("snapshot", "restore", Snapshot, "--to", Store), StringComparison.Ordinal);

        await using var again = await KineServer.StartOn(Store);
        using var kept = new EtcdChannel(again.Address);
        Assert.Equal("2", (await kept.Get("mine"))!.Value.ToStringUtf8());
    }

    [Fact]
    public async Task A_damaged_file_is_refused_before_anything_is_written()
    {
        await _channel.Put("a", "1");
        await SnapshotTools.EtcdctlSave(_etcd, Snapshot);
        var bytes = await File.ReadAllBytesAsync(Snapshot);
        bytes[^100]++;
        await File.WriteAllBytesAsync(Snapshot, bytes);

        Assert.Contains("checksum", await SnapshotTools.KineRefuses("snapshot", "restore", Snapshot, "--to", Store), StringComparison.Ordinal);
        Assert.False(File.Exists(_folder["restored.db"]));
    }

    [Fact]
    public async Task A_file_of_a_server_with_users_needs_a_word()
    {
        await _channel.Put("a", "1");
        var ctl = new Etcdctl.Etcdctl(_etcd);
        await ctl.Must("user add root:secret");
        await ctl.Must("user grant-role root root");
        await ctl.Must("auth enable");
        var saved = await Command.Run(
            TestTools.Etcdctl, ["--endpoints", _etcd.Address, "--user", "root:secret", "snapshot", "save", Snapshot],
            environment: new Dictionary<string, string> { ["ETCDCTL_API"] = "3" });
        Assert.True(saved.ExitCode == 0, saved.Errors);

        Assert.Contains("--drop-auth", await SnapshotTools.KineRefuses("snapshot", "restore", Snapshot, "--to", Store), StringComparison.Ordinal);
        await SnapshotTools.Kine("snapshot", "restore", Snapshot, "--to", Store, "--drop-auth");
        await using var kine = await KineServer.StartOn(Store);
        using var restored = new EtcdChannel(kine.Address);
        Assert.Equal("1", (await restored.Get("a"))!.Value.ToStringUtf8());
    }
}
