using Google.Protobuf;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Snapshots;
using Kine.Tests.Stores;
using Kine.Tests.Wire;
using TempFolder = Kine.Tests.Servers.TempFolder;

namespace Kine.Tests.Migrate;

/// <summary><c>kine migrate</c> as a user runs it, between real servers, files and SQLite stores.</summary>
public sealed class MigrateTests : IDisposable
{
    private static readonly RangeRequest All = new() { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_running_etcd_becomes_a_store_with_its_whole_history()
    {
        await using var etcd = await EtcdServer.StartNew();
        using var channel = new EtcdChannel(etcd.Address);
        var compacted = await History.Write(channel);

        var said = await SnapshotTools.Kine("migrate", "--from", $"http://{etcd.Address}", "--to", Store("a"));

        await using var kine = await KineServer.StartOn(Store("a"));
        using var moved = new EtcdChannel(kine.Address);
        Assert.Equal(await History.Describe(channel, compacted), await History.Describe(moved, compacted));
        Assert.Contains("read back and compared", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_becomes_another_with_its_whole_history()
    {
        long compacted;
        string expected;
        await using (var kine = await KineServer.StartOn(Store("a")))
        {
            using var channel = new EtcdChannel(kine.Address);
            compacted = await History.Write(channel);
            expected = await History.Describe(channel, compacted);
            Assert.Contains("in use", await SnapshotTools.KineRefuses("migrate", "--from", Store("a"), "--to", Store("b")), StringComparison.Ordinal);
            await kine.Process.Terminate(TimeSpan.FromSeconds(30));
        }

        await SnapshotTools.Kine("migrate", "--from", Store("a"), "--to", Store("b"));

        Assert.Contains("not empty", await SnapshotTools.KineRefuses("migrate", "--from", Store("a"), "--to", Store("b")), StringComparison.Ordinal);
        await using var other = await KineServer.StartOn(Store("b"));
        using var moved = new EtcdChannel(other.Address);
        Assert.Equal(expected, await History.Describe(moved, compacted));
    }

    [Fact]
    public async Task A_snapshot_file_goes_into_a_running_etcd_and_again_changes_nothing()
    {
        await using var kine = await KineServer.StartNew();
        using var channel = new EtcdChannel(kine.Address);
        await History.Write(channel);
        await SnapshotTools.EtcdctlSave(kine, _folder["snapshot.db"]);
        await using var etcd = await EtcdServer.StartNew();
        using var target = new EtcdChannel(etcd.Address);

        await SnapshotTools.Kine("migrate", "--from", _folder["snapshot.db"], "--to", $"http://{etcd.Address}");
        var once = await target.Range(All);
        var again = await SnapshotTools.Kine("migrate", "--from", _folder["snapshot.db"], "--to", $"http://{etcd.Address}");

        Assert.Equal(Pairs(await channel.Range(All)), Pairs(once));
        Assert.Equal(once.Kvs, (await target.Range(All)).Kvs);
        Assert.Contains(" 0 of them written now", again, StringComparison.Ordinal);
        var lease = await target.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = History.Lease, Keys = true });
        Assert.Equal((5000, "/txn/c"), (lease.GrantedTTL, lease.Keys.Single().ToStringUtf8()));
    }

    [Fact]
    public async Task What_an_interrupted_run_left_in_a_server_is_completed()
    {
        await using var from = await EtcdServer.StartNew();
        using var source = new EtcdChannel(from.Address);
        for (var i = 0; i < 500; i++)
            await source.Put($"/key/{i:000}", $"value {i}");

        await using var to = await KineServer.StartNew();
        using var target = new EtcdChannel(to.Address);
        for (var i = 0; i < 200; i++)
            await target.Put($"/key/{i:000}", i == 7 ? "from before" : $"value {i}");

        var said = await SnapshotTools.Kine("migrate", "--from", $"http://{from.Address}", "--to", $"http://{to.Address}");

        Assert.Contains("500 keys, 301 of them written now", said, StringComparison.Ordinal);
        Assert.Equal(Pairs(await source.Range(All)), Pairs(await target.Range(All)));
    }

    [Fact]
    public async Task A_server_with_other_keys_is_left_alone()
    {
        await using var from = await EtcdServer.StartNew();
        using var source = new EtcdChannel(from.Address);
        await source.Put("a", "1");
        await using var to = await KineServer.StartNew();
        using var target = new EtcdChannel(to.Address);
        await target.Put("mine", "1");

        var refused = await SnapshotTools.KineRefuses("migrate", "--from", $"http://{from.Address}", "--to", $"http://{to.Address}");

        Assert.Contains("\"mine\"", refused, StringComparison.Ordinal);
        Assert.Single((await target.Range(All)).Kvs);
    }

    [Fact]
    public async Task A_dry_run_says_what_would_be_done_and_writes_nothing()
    {
        await using var from = await EtcdServer.StartNew();
        using var source = new EtcdChannel(from.Address);
        await source.Put("a", "1");
        await source.Put("a", "2");
        await using var to = await KineServer.StartNew();
        using var target = new EtcdChannel(to.Address);

        var store = await SnapshotTools.Kine("migrate", "--dry-run", "--from", $"http://{from.Address}", "--to", Store("never"));
        var server = await SnapshotTools.Kine("migrate", "--dry-run", "--from", $"http://{from.Address}", "--to", $"http://{to.Address}");

        Assert.All([store, server], said => Assert.Contains("2 records, 1 keys, 0 leases, revision 3", said, StringComparison.Ordinal));
        Assert.All([store, server], said => Assert.Contains("nothing was written", said, StringComparison.Ordinal));
        Assert.False(File.Exists(_folder["never"]));
        Assert.Equal(1, (await target.Range(All)).Header.Revision);
    }

    [Fact]
    public async Task Upstreams_table_in_one_file_becomes_a_store_in_another()
    {
        var rows = new Import.UpstreamRows(value => $"x'{Convert.ToHexString(value)}'");
        await using (var file = RawDatabase.Open(_folder["upstream"]))
        {
            file.Run(
                """
                CREATE TABLE kine(
                    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER,
                    value BLOB, old_value BLOB)
                """);
            file.Run(rows.Example);
        }

        await SnapshotTools.Kine("migrate", "--from", Store("upstream"), "--to", Store("b"));

        await using var kine = await KineServer.StartOn(Store("b"));
        using var moved = new EtcdChannel(kine.Address);
        var all = await moved.Range(All);
        Assert.Equal((Import.UpstreamRows.Last, 7), (all.Header.Revision, all.Kvs.Count));
        Assert.Equal(Import.UpstreamRows.Mark, (await moved.HashKV()).CompactRevision);
    }

    [Theory]
    [InlineData("there is no file", "sqlite:///nowhere/state.db", "sqlite://{0}/b")]
    [InlineData("nowhere/snapshot.db", "/nowhere/snapshot.db", "sqlite://{0}/b")]
    [InlineData("are the same", "sqlite://{0}/b", "sqlite://{0}/b")]
    [InlineData("is unknown", "/nowhere/snapshot.db", "oracle://x")]
    [InlineData("--to is a store or a server", "/nowhere/snapshot.db", "./b.db")]
    [InlineData("Unavailable", "http://127.0.0.1:1", "sqlite://{0}/b")]
    public async Task What_cannot_work_is_said_in_a_sentence(string reason, string from, string to)
    {
        var refused = await SnapshotTools.KineRefuses(
            "migrate", "--from", from.Replace("{0}", _folder.FullName, StringComparison.Ordinal), "--to", to.Replace("{0}", _folder.FullName, StringComparison.Ordinal));

        Assert.Contains(reason, refused, StringComparison.Ordinal);
        Assert.StartsWith("kine migrate: ", refused, StringComparison.Ordinal);
        Assert.Single(refused.TrimEnd('\n').Split('\n'));
    }

    private string Store(string name) => $"sqlite://{_folder[name]}";

    private static IEnumerable<(ByteString Key, ByteString Value, long Lease)> Pairs(RangeResponse range) =>
        range.Kvs.Select(pair => (pair.Key, pair.Value, pair.Lease));
}
