using System.Collections.Concurrent;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using static Kine.Tests.Kubernetes.ApiServerStore;

namespace Kine.Tests.Kubernetes;

/// <summary>What kube-apiserver relies on, with its own request shapes.</summary>
public abstract class KubernetesContract : IAsyncLifetime
{
    private const string Pods = "/registry/pods/";

    private static readonly TimeSpan ProgressLimit = TimeSpan.FromSeconds(3); // kube-apiserver's wait for a fresh cache

    private EtcdApiServer _server = null!;
    private EtcdChannel _channel = null!;
    private ApiServerStore _store = null!;

    /// <summary>A new server on an empty store of the kind that is tested.</summary>
    protected abstract Task<EtcdApiServer> StartServer();

    public async Task InitializeAsync()
    {
        _server = await StartServer();
        _channel = new EtcdChannel(_server.Address);
        _store = new ApiServerStore(_channel);
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Under_50_clients_nothing_is_lost_and_nothing_comes_twice()
    {
        string[] prefixes = [Pods, "/registry/configmaps/", "/registry/leases/"];
        var caches = new List<(string Prefix, WatchCache Cache)>();
        foreach (var prefix in prefixes)
            caches.Add((prefix, await WatchCache.Start(_store, prefix)));

        var writes = new ConcurrentDictionary<long, (string Key, long Expected, bool Delete)>();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async client =>
        {
            using var channel = new EtcdChannel(_server.Address);
            var store = new ApiServerStore(channel);
            var random = Draw.From(client);
            for (var i = 0; i < 120; i++)
            {
                var key = $"{prefixes[random.Next(3)]}default/{random.Next(20)}";
                var current = (await store.Get(key, 0)).Kvs.SingleOrDefault();
                var delete = current is not null && random.Next(3) == 0;
                var expected = current?.ModRevision ?? 0;
                var value = $"{client}/{i}";
                var revision = current is null ? await store.Create(key, value)
                    : delete ? (await store.Delete(key, expected)).Revision
                    : (await store.Update(key, value, expected)).Revision;
                if (revision != 0)
                    Assert.True(writes.TryAdd(revision, (key, expected, delete)), $"two writes were answered with revision {revision}");
            }
        }));
        var last = await _store.CurrentRevision(Pods);
        Assert.Equal(Enumerable.Range(2, (int)last - 1).Select(r => (long)r), writes.Keys.Order());
        var seen = new List<long>();
        foreach (var (prefix, cache) in caches)
        {
            var content = await cache.ContentAt(last, Wait.Limit);
            var (_, items) = await _store.List(prefix, limit: 7);
            Assert.Equal(items, content.Values.OrderBy(kv => kv.Key.ToStringUtf8(), StringComparer.Ordinal));
            foreach (var change in cache.Events)
            {
                var write = writes[change.Kv.ModRevision];
                Assert.Equal((write.Key, write.Delete), (change.Kv.Key.ToStringUtf8(), change.Type == Event.Types.EventType.Delete));
                // Nobody wrote between the read and the write of this client: the compare held.
                Assert.Equal(write.Expected, change.PrevKv?.ModRevision ?? 0);
                seen.Add(change.Kv.ModRevision);
            }
            cache.Dispose();
        }
        Assert.Equal(writes.Keys.Order(), seen.Order());
    }

    [Fact]
    public async Task Each_create_has_exactly_one_winner()
    {
        var stores = Enumerable.Range(0, 50).Select(_ => new ApiServerStore(new EtcdChannel(_server.Address))).ToArray();
        for (var round = 0; round < 30; round++)
        {
            var key = $"{Pods}race/{round}";
            var revisions = await Task.WhenAll(stores.Select((store, i) => store.Create(key, $"{i}")));
            var winner = Assert.Single(Enumerable.Range(0, stores.Length), i => revisions[i] != 0);
            var kv = Assert.Single((await _store.Get(key, 0)).Kvs);
            Assert.Equal((revisions[winner], revisions[winner], 1L, $"{winner}"), (kv.CreateRevision, kv.ModRevision, kv.Version, kv.Value.ToStringUtf8()));
            if (round % 2 == 0)
            {
                // A name that was deleted and compacted away may be created again, and again only once.
                var deletions = await Task.WhenAll(stores.Select(store => store.Delete(key, kv.ModRevision)));
                var deleted = Assert.Single(deletions, outcome => outcome.Revision != 0);
                await _channel.Compact(deleted.Revision);
                var again = await Task.WhenAll(stores.Select((store, i) => store.Create(key, $"again {i}")));
                Assert.Single(again, revision => revision != 0);
            }
        }
        foreach (var store in stores)
            store.Channel.Dispose();
    }

    [Fact]
    public async Task Pages_of_a_list_are_of_one_revision_whatever_is_written_meanwhile()
    {
        for (var i = 0; i < 1050; i += 50)
            await Task.WhenAll(Enumerable.Range(i, 50).Select(n => _store.Create($"{Pods}ns/{n:00000}", "first")));

        var round = 0;
        var (revision, items) = await _store.List(Pods, 100, async () =>
        {
            round++;
            await _channel.Put($"{Pods}ns/{round * 100 + 7:00000}", "changed");
            await _channel.Delete($"{Pods}ns/{round * 100 + 8:00000}");
            await _channel.Put($"{Pods}ns/{round * 100 + 9:00000}-new", "new");
        });
        Assert.Equal(10, round);
        Assert.Equal(Enumerable.Range(0, 1050).Select(n => $"{Pods}ns/{n:00000}"), items.Select(kv => kv.Key.ToStringUtf8()));
        Assert.All(items, kv => Assert.Equal("first", kv.Value.ToStringUtf8()));
        Assert.All(items, kv => Assert.True(kv.ModRevision <= revision));
        Assert.Equal(1050, await _store.Count(Pods));
        var again = await _store.Page(Pods, 0, revision);
        Assert.Equal(items, again.Kvs);
        Assert.Equal(revision + 30, again.Header.Revision);
    }

    [Fact]
    public async Task A_failed_update_brings_what_is_there_now()
    {
        var created = await _store.Create($"{Pods}a/1", "one");
        var (updated, _) = await _store.Update($"{Pods}a/1", "two", created);
        Assert.Equal(created + 1, updated);
        var (refused, current) = await _store.Update($"{Pods}a/1", "three", created);
        Assert.Equal((0, "two", updated, created, 2), (refused, current!.Value.ToStringUtf8(), current.ModRevision, current.CreateRevision, current.Version));
        Assert.Equal(0, await _store.Create($"{Pods}a/1", "again"));
        Assert.Equal("two", (await _store.Delete($"{Pods}a/1", created)).Current!.Value.ToStringUtf8());
        Assert.Equal(updated + 1, (await _store.Delete($"{Pods}a/1", updated)).Revision);
        var (none, absent) = await _store.Delete($"{Pods}a/1", updated);
        Assert.Equal((0, null), (none, absent));
        Assert.Equal("one", Assert.Single((await _store.Get($"{Pods}a/1", created)).Kvs).Value.ToStringUtf8());
    }

    [Fact]
    public async Task A_progress_request_makes_a_cache_fresh_while_others_write()
    {
        using var cache = await WatchCache.Start(_store, Pods);
        using var stop = new CancellationTokenSource();
        var noise = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
                await _channel.Put($"/registry/events/{i % 100}", $"{i}");
        });
        for (var i = 0; i < 20; i++)
        {
            await _store.Create($"{Pods}x/{i:00}", "v");
            var fresh = await _store.CurrentRevision(Pods);
            var content = await cache.ContentAt(fresh, ProgressLimit);
            Assert.Equal(i + 1, content.Count);
        }
        await stop.CancelAsync();
        await noise;
    }

    [Fact]
    public async Task An_idle_watch_is_told_the_progress_by_itself()
    {
        using var cache = await WatchCache.Start(_store, Pods);
        var written = (await _channel.Put("/registry/elsewhere/1", "v")).Header.Revision;
        var deadline = DateTime.UtcNow + Wait.Limit;
        while (cache.Progress < written)
        {
            Assert.True(DateTime.UtcNow < deadline, "no periodic progress reply although progress_notify was asked for");
            await Task.Delay(100);
        }
        Assert.Empty(cache.Events);
    }

    [Fact]
    public async Task Of_several_compactors_one_wins_and_old_reads_and_watches_are_told()
    {
        var first = await _store.Create($"{Pods}c/1", "v");
        for (var i = 0; i < 30; i++)
            await _channel.Put($"{Pods}c/1", $"v{i}");

        using var old = await _store.WatchAfter(Pods, first);
        using var current = await WatchCache.Start(_store, Pods);
        long version = 0;
        for (var turn = 0; turn < 3; turn++)
        {
            var claims = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => _store.ClaimCompaction(version, 10 + turn)));
            Assert.Single(claims, claim => claim.Won);
            Assert.All(claims, claim => Assert.Equal(version + 1, claim.Version));
            version++;
            await _channel.Compact(10 + turn);
        }
        var tooOld = await Assert.ThrowsAsync<RpcException>(() => _store.Page(Pods, 1, 11));
        Assert.Equal((StatusCode.OutOfRange, "etcdserver: mvcc: required revision has been compacted"), (tooOld.StatusCode, tooOld.Status.Detail));
        Assert.Equal("v9", Assert.Single((await _store.Page(Pods, 1, 12)).Kvs).Value.ToStringUtf8());
        using var compacted = await _store.WatchAfter(Pods, 5);
        Assert.True((await compacted.Read())!.Created);
        var canceled = (await compacted.Read())!;
        Assert.True(canceled.Canceled);
        Assert.Equal(12, canceled.CompactRevision);
        await _store.Create($"{Pods}c/2", "after");
        Assert.True((await current.ContentAt(await _store.CurrentRevision(Pods), ProgressLimit)).ContainsKey($"{Pods}c/2"));
    }

    [Fact]
    public async Task Keys_of_an_expired_lease_are_deleted_in_one_revision_which_watches_see()
    {
        using var cache = await WatchCache.Start(_store, "/registry/events/");
        var lease = await _channel.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 5 });
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => _store.Create($"/registry/events/ns/{i:000}", "v", lease.ID)));
        await _store.Create("/registry/events/ns/stays", "v");
        var deadline = DateTime.UtcNow + Wait.Limit;
        while (await _store.Count("/registry/events/") > 1)
        {
            Assert.True(DateTime.UtcNow < deadline, "the lease does not expire");
            await Task.Delay(100);
        }
        await cache.ContentAt(await _store.CurrentRevision(Pods), ProgressLimit);
        var deletions = cache.Events.Where(change => change.Type == Event.Types.EventType.Delete).ToArray();
        Assert.Equal(Enumerable.Range(0, 100).Select(i => Bytes($"/registry/events/ns/{i:000}")), deletions.Select(change => change.Kv.Key));
        Assert.Single(deletions.Select(change => change.Kv.ModRevision).Distinct());
    }
}
