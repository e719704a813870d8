using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Snapshots;

/// <summary>The way out: what etcd's own tools and a real etcd make of a snapshot of kine.</summary>
public sealed class SnapshotOutTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private KineServer _kine = null!;
    private EtcdChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _kine = await KineServer.StartNew();
        _channel = new EtcdChannel(_kine.Address);
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _kine.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task An_etcd_restored_from_it_has_the_same_keys_revisions_leases_and_hash()
    {
        var compacted = await History.Write(_channel);
        var expected = await History.Describe(_channel, compacted);

        await SnapshotTools.EtcdctlSave(_kine, _folder["snapshot.db"]);
        using var status = JsonDocument.Parse(await SnapshotTools.EtcdutlStatus(_folder["snapshot.db"]));
        await using var etcd = EtcdServer.Prepare();
        await SnapshotTools.EtcdutlRestore(_folder["snapshot.db"], etcd);
        await etcd.Start();
        using var restored = new EtcdChannel(etcd.Address);

        Assert.Equal(expected, await History.Describe(restored, compacted));
        Assert.Equal((await _channel.Get("/last"))!.ModRevision, status.RootElement.GetProperty("revision").GetInt64());
    }

    [Fact]
    public async Task The_etcd_restored_from_it_goes_on_as_one_of_its_own()
    {
        // Enough for branch pages above branch pages; then everything goes again, page by page.
        await History.Write(_channel);
        for (var i = 0; i < 200; i++)
            await _channel.Txn(new TxnRequest { Success = { Enumerable.Range(0, 100).Select(j => Put($"/many/{i}/{j}", new string('m', 300))) } });

        await SnapshotTools.EtcdctlSave(_kine, _folder["snapshot.db"]);
        await using var etcd = EtcdServer.Prepare();
        await SnapshotTools.EtcdutlRestore(_folder["snapshot.db"], etcd);
        await etcd.Start();
        using var restored = new EtcdChannel(etcd.Address);
        Assert.Equal((await _channel.HashKV()).Hash, (await restored.HashKV()).Hash);

        var deleted = await restored.Delete(new DeleteRangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) });
        await _channel.Delete(new DeleteRangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) });
        await restored.Compact(deleted.Header.Revision);
        await _channel.Compact(deleted.Header.Revision);
        await restored.Put("/again", "1");
        await _channel.Put("/again", "1");
        await etcd.Kill();
        await etcd.Start();

        Assert.True(deleted.Deleted > 20_000);
        using var again = new EtcdChannel(etcd.Address);
        Assert.Equal((await _channel.HashKV()).Hash, (await again.HashKV()).Hash);
    }

    [Fact]
    public async Task Bumped_and_marked_compacted_it_continues_far_above()
    {
        var compacted = await History.Write(_channel);
        var last = (await _channel.Get("/last"))!.ModRevision;
        await SnapshotTools.EtcdctlSave(_kine, _folder["snapshot.db"]);
        await using var etcd = EtcdServer.Prepare();
        await SnapshotTools.EtcdutlRestore(_folder["snapshot.db"], etcd, "--bump-revision", "1000000", "--mark-compacted");
        await etcd.Start();
        using var restored = new EtcdChannel(etcd.Address);

        var all = new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
        var here = await _channel.Range(all);
        var there = await restored.Range(all);
        Assert.Equal(here.Kvs, there.Kvs);
        Assert.Equal(last + 1_000_000, there.Header.Revision);
        var old = await Assert.ThrowsAsync<RpcException>(() => restored.Range(new RangeRequest(all) { Revision = compacted + 1 }));
        Assert.Contains("compacted", old.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_store_gives_a_snapshot_that_an_etcd_starts_on()
    {
        await SnapshotTools.EtcdctlSave(_kine, _folder["snapshot.db"]);
        await using var etcd = EtcdServer.Prepare();
        await SnapshotTools.EtcdutlRestore(_folder["snapshot.db"], etcd);
        await etcd.Start();
        using var restored = new EtcdChannel(etcd.Address);

        var put = await restored.Put("a", "1");

        Assert.Equal(2, put.Header.Revision);
    }

    [Fact]
    public async Task It_shows_one_revision_while_others_write_and_compact()
    {
        await History.Write(_channel);
        using var stop = new CancellationTokenSource();
        var writes = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var put = await _channel.Put($"/busy/{i % 10}", new string('x', 2000));
                if (i % 50 == 49)
                    await _channel.Compact(put.Header.Revision - 10, physical: false);
            }
        });

        for (var round = 0; round < 5; round++)
        {
            var file = _folder[$"busy{round}.db"];
            await SnapshotTools.EtcdctlSave(_kine, file);
            await using var etcd = EtcdServer.Prepare();
            await SnapshotTools.EtcdutlRestore(file, etcd);
            await etcd.Start();
            using var restored = new EtcdChannel(etcd.Address);
            var all = new RangeRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };
            var there = await restored.Range(all);
            var busy = there.Kvs.Where(pair => pair.Key.ToStringUtf8().StartsWith("/busy/", StringComparison.Ordinal)).ToList();

            // Keys are overwritten in turn: at one revision, the last write to each is one of the last ten revisions.
            if (busy.Count == 10)
                Assert.Equal(Enumerable.Range(0, 10).Select(i => there.Header.Revision - i).Order(), busy.Select(pair => pair.ModRevision).Order());

            Assert.Equal(there.Header.Revision, there.Kvs.Max(pair => pair.ModRevision));
        }
        await stop.CancelAsync();
        await writes;
    }

    [Fact]
    public async Task The_stream_counts_down_tells_its_version_and_ends_with_the_hash()
    {
        await History.Write(_channel);
        var replies = new List<SnapshotResponse>();
        using (var call = _channel.Maintenance.Snapshot(new SnapshotRequest()))
        {
            await foreach (var reply in call.ResponseStream.ReadAllAsync())
                replies.Add(reply);
        }

        var content = replies.SkipLast(1).SelectMany(reply => reply.Blob.ToByteArray()).ToArray();
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(content), replies[^1].Blob.ToByteArray());
        Assert.All(replies, reply => Assert.Equal("3.6.0", reply.Version));
        long sent = 0;
        Assert.All(replies.SkipLast(1), reply => Assert.Equal((ulong)(content.Length - (sent += reply.Blob.Length)), reply.RemainingBytes));
        Assert.Equal(0, content.Length % 4096);
    }

    [Fact]
    public async Task A_client_that_goes_away_in_the_middle_holds_nothing_up()
    {
        await History.Write(_channel);
        // Four times what the server may send before the client takes it.
        for (var i = 0; i < 160; i++)
            await _channel.Put($"/filler/{i}", new string('f', 100_000));

        using (var call = _channel.Maintenance.Snapshot(new SnapshotRequest()))
        {
            Assert.True(await call.ResponseStream.MoveNext());
            Assert.True(call.ResponseStream.Current.RemainingBytes > 0);
        }

        var last = (await _channel.Put("/after", "1")).Header.Revision;
        await _channel.Compact(last, physical: true).WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static RequestOp Put(string key, string value)
        => new() { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) } };
}
