using System.Globalization;
using System.Text;
using Google.Protobuf;
using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Backends.Upstream;
using Kine.Etcd;
using Kine.Grains.Import;
using Kine.Host.Client;
using Kine.Tests.Grains;
using Kine.Tests.Servers;
using Kine.Tests.Snapshots;
using Kine.Tests.Wire;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Tests.Import;

/// <summary>Moving in from upstream kine's table, on every store whose database may hold one.</summary>
public abstract class UpstreamImportContract
{
    private const int ManyRows = 25_000;
    private static readonly RangeRequest All = new() { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0) };

    /// <summary>The server's --endpoint.</summary>
    protected abstract string Endpoint { get; }

    /// <summary>CREATE TABLE statements, one for each form that releases 0.9 to 0.16 left behind.</summary>
    protected abstract IReadOnlyList<string> Layouts { get; }

    /// <summary>A literal of bytes.</summary>
    protected abstract string Hex(byte[] value);

    /// <summary>Runs statements in the database, beside any server.</summary>
    protected abstract Task Run(string sql);

    /// <summary>The first value that a query gives.</summary>
    protected abstract Task<string> Query(string sql);

    private UpstreamRows Rows => new(Hex);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Keys_revisions_versions_leases_and_mark_are_kept(int layout)
    {
        await Run(Layouts[layout]);
        await Run(Rows.Example);
        await using var kine = await KineServer.StartOn(Endpoint);
        using var channel = new EtcdChannel(kine.Address);

        var now = await channel.Range(All);
        Assert.Equal(UpstreamRows.Last, now.Header.Revision);
        Assert.Equal(
            [
                "/registry/a create 3 mod 21 version 3 lease 0 6133",
                "/registry/b create 10 mod 10 version 1 lease 3600 6231",
                "/registry/c create 4 mod 12 version 2 lease 0 6337",
                "/registry/e create 24 mod 24 version 1 lease 0 6532",
                "/registry/f create 30 mod 30 version 1 lease 0 0001FF27",
                "compact_rev_key create 25 mod 27 version 2 lease 0 3230",
                "gap-of-somebody create 31 mod 31 version 1 lease 0 ",
            ],
            now.Kvs.Select(Describe));
        var then = await channel.Range(new RangeRequest(All) { Revision = UpstreamRows.Mark });
        Assert.Equal(
            ["/registry/a create 3 mod 5 version 2 lease 0 6132", "/registry/b create 10 mod 10 version 1 lease 3600 6231", "/registry/c create 4 mod 12 version 2 lease 0 6337"],
            then.Kvs.Select(Describe));
        var compacted = await Assert.ThrowsAsync<RpcException>(() => channel.Range(new RangeRequest(All) { Revision = UpstreamRows.Mark - 1 }));
        Assert.Contains("compacted", compacted.Message, StringComparison.Ordinal);
        var leases = new StringBuilder();
        await History.DescribeLeases(channel, leases);
        Assert.Equal("lease 3600 granted 3600 keys /registry/b", leases.ToString().Trim());
    }

    [Fact]
    public async Task A_watch_from_the_mark_sees_what_happened_since_and_then_what_happens()
    {
        await Run(Layouts[^1]);
        await Run(Rows.Example);
        await using var kine = await KineServer.StartOn(Endpoint);
        using var channel = new EtcdChannel(kine.Address);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        using var watch = await channel.Watch(
            new WatchCreateRequest { Key = All.Key, RangeEnd = All.RangeEnd, StartRevision = UpstreamRows.Mark + 1 }, limit.Token);
        await channel.Put("/registry/new", "1", cancellation: limit.Token);

        var events = new List<string>();
        while (events.Count < 9)
            events.AddRange((await watch.Read(limit.Token))!.Events.Select(one => $"{one.Kv.ModRevision} {one.Type} {one.Kv.Key.ToStringUtf8()}"));

        Assert.Equal(
            [
                "21 Put /registry/a", "22 Put /registry/e", "23 Delete /registry/e", "24 Put /registry/e", "25 Put compact_rev_key", "27 Put compact_rev_key",
                "30 Put /registry/f", "31 Put gap-of-somebody", "34 Put /registry/new",
            ],
            events);
    }

    [Fact]
    public async Task The_table_stays_as_it_is_and_is_imported_once()
    {
        await Run(Layouts[^1]);
        await Run(Rows.Example);
        const string Count = "SELECT count(*) FROM kine";
        const string Sum = "SELECT sum(id * 7 + create_revision * 3 + prev_revision + lease + length(name)) FROM kine";
        var before = (await Query(Count), await Query(Sum));
        await using (var kine = await KineServer.StartOn(Endpoint))
        {
            using var channel = new EtcdChannel(kine.Address);
            await channel.Delete("/registry/a");
            await channel.Put("/registry/b", "later");
            await kine.Process.Terminate(TimeSpan.FromSeconds(30));
            Assert.Contains("Imported upstream kine's table: 18 rows", kine.Process.Output, StringComparison.Ordinal);
            Assert.Contains(", compacted at 20; the table was left", kine.Process.Output, StringComparison.Ordinal);
        }

        Assert.Equal(before, (await Query(Count), await Query(Sum)));
        await Run(Rows.Many(100, 3));
        await using var again = await KineServer.StartOn(Endpoint);
        using var later = new EtcdChannel(again.Address);
        Assert.Null(await later.Get("/registry/a"));
        Assert.Equal("later", (await later.Get("/registry/b"))!.Value.ToStringUtf8());
        Assert.Null(await later.Get("/registry/many/100"));
        await again.Process.Printed("somebody still writes to it");
    }

    [Fact]
    public async Task Creates_updates_and_deletes_go_on_as_the_apiserver_makes_them()
    {
        await Run(Layouts[0]);
        await Run(Rows.Example);
        await using var kine = await KineServer.StartOn(Endpoint);
        using var channel = new EtcdChannel(kine.Address);

        Assert.True((await channel.Txn(IfModified("/registry/a", 21, "a4"))).Succeeded);
        Assert.False((await channel.Txn(IfModified("/registry/c", 4, "c8"))).Succeeded);
        Assert.True((await channel.Txn(IfModified("/registry/d", 0, "d2"))).Succeeded);
        var mark = await channel.Txn(new TxnRequest
        {
            Compare = { new Compare { Key = ByteString.CopyFromUtf8("compact_rev_key"), Target = Compare.Types.CompareTarget.Version, Version = 2 } },
            Success = { Put("compact_rev_key", "33") },
        });
        Assert.True(mark.Succeeded);
        await channel.Compact(UpstreamRows.Last);
        var all = await channel.Range(All);

        Assert.Equal(7 + 1, all.Kvs.Count);
        Assert.Equal("/registry/a create 3 mod 34 version 4 lease 0 6134", Describe(all.Kvs[0]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Interrupted_it_goes_on_where_it_was(bool landed)
    {
        await Run(Layouts[^1]);
        for (var id = 2; id < ManyRows; id += 5000)
            await Run(Rows.Many(id, 5000));

        await using (var store = new FaultyUpstreamStore(StoreEndpoint.Parse(Endpoint).Create()))
        {
            await store.Open(default);
            var appends = 0;
            Action<AppendBatch> fail = _ =>
            {
                if (++appends == 3)
                    throw landed ? new OutcomeUnknownException("lost on the way") : new StoreUnavailableException("not there");
            };
            if (landed)
                store.AfterAppend = fail;
            else
                store.BeforeAppend = fail;

            await using var claim = await StoreClaim.Take(store, TimeProvider.System, default);
            await Assert.ThrowsAnyAsync<Exception>(() => UpstreamImport.Run(store, claim.Held, NullLogger.Instance, TimeProvider.System, default));
            Assert.True((await store.ReadFence(default)).LastRevision > 2);
        }

        await using var kine = await KineServer.StartOn(Endpoint);
        using var channel = new EtcdChannel(kine.Address);
        var all = await channel.Range(new RangeRequest(All) { CountOnly = true });
        Assert.Equal((ManyRows, ManyRows + 1), (all.Count, all.Header.Revision));
        Assert.Equal(1, (await channel.Get("/registry/many/20000"))!.Version);
    }

    [Fact]
    public async Task A_table_with_the_mark_alone_is_an_empty_store()
    {
        await Run(Layouts[^1]);
        await Run($"INSERT INTO kine(id, name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES (1, 'compact_rev_key', 1, 0, 0, 0, 0, {Hex([])}, NULL)");
        await using var kine = await KineServer.StartOn(Endpoint);
        using var channel = new EtcdChannel(kine.Address);

        Assert.Equal(2, (await channel.Put("a", "1")).Header.Revision);
        Assert.Equal(-1, (await channel.HashKV()).CompactRevision);
        await kine.Process.Printed(", never compacted; the table was left");
    }

    private static string Describe(KeyValue pair) => string.Create(
        CultureInfo.InvariantCulture,
        $"{pair.Key.ToStringUtf8()} create {pair.CreateRevision} mod {pair.ModRevision} version {pair.Version} lease {pair.Lease} {Convert.ToHexString(pair.Value.Span)}");

    private static TxnRequest IfModified(string key, long revision, string value) => new()
    {
        Compare = { new Compare { Key = ByteString.CopyFromUtf8(key), Target = Compare.Types.CompareTarget.Mod, ModRevision = revision } },
        Success = { Put(key, value) },
    };

    private static RequestOp Put(string key, string value) =>
        new() { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) } };

    private sealed class FaultyUpstreamStore(IRevisionStore inner) : FaultyStore(inner), IUpstreamTable
    {
        private readonly IUpstreamTable _table = (IUpstreamTable)inner;

        public Task<bool> HasUpstreamTable(CancellationToken cancellationToken) => _table.HasUpstreamTable(cancellationToken);

        public Task<List<UpstreamRow>> ReadUpstreamRows(long afterId, int maxRows, CancellationToken cancellationToken) =>
            _table.ReadUpstreamRows(afterId, maxRows, cancellationToken);
    }
}
