using System.Text;
using Kine.Backends;
using Kine.Backends.Nats;
using Kine.Backends.Stores;
using Kine.Tests.Faults;
using Kine.Tests.Servers;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using NATS.Client.KeyValueStore;

namespace Kine.Tests.Stores.Nats;

/// <summary>The key-value bucket in which the processes on a log find each other.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsBucketTests(NatsFixture fixture)
{
    private const int Writers = 16;
    private static readonly byte[] One = "one"u8.ToArray();
    private static readonly byte[] Two = "two"u8.ToArray();

    [Fact]
    public async Task Many_processes_may_make_it_at_once_and_it_is_one_that_clients_know()
    {
        var options = Options(fixture.Server.NewEndpoint());
        NatsRevisionStore[] stores = [.. Enumerable.Range(0, 8).Select(_ => new NatsRevisionStore(options))];
        await Task.WhenAll(stores.Select(store => store.Open(default)));
        Assert.True(await stores[0].Membership.TryReplace(One, 0, default));
        foreach (var store in stores)
        {
            var read = await store.Membership.Read(default);
            Assert.Equal("one", Encoding.UTF8.GetString(read.Content));
            await store.DisposeAsync();
        }

        await using var connection = new NatsConnection(new NatsOpts { Url = options.Servers[0] });
        var bucket = await new NatsKVContext(new NatsJSContext(connection)).GetStoreAsync($"KINE-silos_{options.Bucket}");
        Assert.Equal("one", (await bucket.GetEntryAsync<string>("silos")).Value);
        var status = await bucket.GetStatusAsync();
        var configuration = status.Info.Config;
        Assert.Equal(1, configuration.MaxMsgsPerSubject);
        Assert.True(configuration is { DenyDelete: true, AllowRollupHdrs: true, AllowDirect: true, Discard: StreamConfigDiscard.New });
        Assert.Equal(1L, status.Info.State.Messages);
    }

    [Fact]
    public async Task Of_many_writers_that_saw_one_version_one_wins()
    {
        var endpoint = fixture.Server.NewEndpoint();
        await using var first = await Open(endpoint);
        await using var second = await Open(endpoint);
        ISharedDocument[] documents = [first.Membership, second.Membership];
        for (var round = 0; round < 20; round++)
        {
            var seen = await documents[round % 2].Read(default);
            var won = await Task.WhenAll(Enumerable.Range(0, Writers).Select(i =>
                Task.Run(() => documents[i % 2].TryReplace(Encoding.ASCII.GetBytes($"{round}-{i}"), seen.Version, default))));
            var winner = Assert.Single(Enumerable.Range(0, Writers), i => won[i]);
            foreach (var document in documents)
            {
                var read = await document.Read(default);
                Assert.Equal($"{round}-{winner}", Encoding.ASCII.GetString(read.Content));
                Assert.True(read.Version > seen.Version);
            }
        }
    }

    [Fact]
    public async Task What_clients_delete_is_empty_and_can_be_written_again()
    {
        await using var store = await Open(fixture.Server.NewEndpoint());
        var options = Options(store);
        await using var connection = new NatsConnection(new NatsOpts { Url = options.Servers[0] });
        var bucket = await new NatsKVContext(new NatsJSContext(connection)).GetStoreAsync(options.SiloBucket);
        Assert.True(await store.Membership.TryReplace(One, 0, default));
        await bucket.DeleteAsync("silos");
        await AssertEmptyAndWritable(store.Membership);
        await bucket.PurgeAsync("silos");
        await AssertEmptyAndWritable(store.Membership);
        await new NatsJSContext(connection).PurgeStreamAsync(options.SiloStream, new StreamPurgeRequest());
        await AssertEmptyAndWritable(store.Membership);
    }

    [Fact]
    public async Task Other_keys_in_it_change_nothing()
    {
        await using var store = await Open(fixture.Server.NewEndpoint());
        var options = Options(store);
        await using var connection = new NatsConnection(new NatsOpts { Url = options.Servers[0] });
        var bucket = await new NatsKVContext(new NatsJSContext(connection)).GetStoreAsync(options.SiloBucket);
        await bucket.PutAsync("other", "x");
        await AssertEmptyAndWritable(store.Membership);
        for (var round = 0; round < 3; round++)
        {
            var before = await store.Membership.Read(default);
            await bucket.PutAsync("other", "y");
            Assert.False(await store.Membership.TryReplace(Two, before.Version, default));
            var read = await store.Membership.Read(default);
            Assert.Equal(before.Content, read.Content);
            Assert.True(await store.Membership.TryReplace(One, read.Version, default));
        }
    }

    [Fact]
    public async Task A_deleted_bucket_is_made_anew_by_whoever_reads_or_writes_next()
    {
        await using var store = await Open(fixture.Server.NewEndpoint());
        var options = Options(store);
        await using var connection = new NatsConnection(new NatsOpts { Url = options.Servers[0] });
        var jetStream = new NatsJSContext(connection);
        for (var round = 0; round < 3; round++)
        {
            await AssertEmptyAndWritable(store.Membership);
            var seen = await store.Membership.Read(default);
            await jetStream.DeleteStreamAsync(options.SiloStream);
            if (round != 1)
                Assert.Empty((await store.Membership.Read(default)).Content);

            Assert.False(await store.Membership.TryReplace(Two, seen.Version, default));
            Assert.True(await store.Membership.TryReplace(Two, 0, default));
            await jetStream.DeleteStreamAsync(options.SiloStream);
        }
    }

    [Fact]
    public async Task A_user_who_may_make_no_stream_is_told_which_bucket_to_make()
    {
        var bucket = NatsServer.NewBucket();
        await using var server = new NatsServer($$"""
            authorization { users: [
              { user: admin, password: a }
              { user: joe, password: j, permissions: { publish: { deny: [ "$JS.API.STREAM.CREATE.>" ] } } }
              { user: jim, password: j, permissions: { publish: { deny: [ "$JS.API.STREAM.CREATE.>", "$KV.>" ] } } }
            ] }
            """);
        await server.Start();
        var admin = Options(server.Endpoint(bucket).Replace("nats://", "nats://admin:a@", StringComparison.Ordinal));
        await using var connection = new NatsConnection(new NatsOpts { Url = admin.Servers[0], AuthOpts = admin.Auth });
        var jetStream = new NatsJSContext(connection);
        await jetStream.CreateStreamAsync(StreamSetup.Wanted(admin));

        var joe = server.Endpoint(bucket).Replace("nats://", "nats://joe:j@", StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => Open(joe));
        Assert.Contains($"nats kv add KINE-silos_{bucket}", refused.Message);

        await new NatsKVContext(jetStream).CreateStoreAsync(new NatsKVConfig(admin.SiloBucket));
        await using (var store = await Open(joe))
        {
            await AssertEmptyAndWritable(store.Membership);
        }

        refused = await Assert.ThrowsAsync<StoreRefusedException>(() => Open(joe.Replace("joe", "jim", StringComparison.Ordinal)));
        Assert.Contains($"$KV.KINE-silos_{bucket}.silos", refused.Message);
    }

    [Theory]
    [InlineData("a TTL", "end after")]
    [InlineData("memory", "storage")]
    [InlineData("a size", "limit")]
    public async Task A_bucket_that_could_lose_its_entry_is_refused(string what, string reason)
    {
        var options = Options(fixture.Server.NewEndpoint());
        await using var connection = new NatsConnection(new NatsOpts { Url = options.Servers[0] });
        await new NatsKVContext(new NatsJSContext(connection)).CreateStoreAsync(new NatsKVConfig(options.SiloBucket)
        {
            MaxAge = what == "a TTL" ? TimeSpan.FromHours(1) : TimeSpan.Zero,
            Storage = what == "memory" ? NatsKVStorageType.Memory : NatsKVStorageType.File,
            MaxBytes = what == "a size" ? 10_000 : -1,
        });
        await using var store = new NatsRevisionStore(options);
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.Contains(reason, refused.Message);
        Assert.Contains(options.SiloStream, refused.Message);
    }

    [Fact]
    public async Task It_outlives_a_killed_server()
    {
        await using var server = new NatsServer();
        await server.Start();
        await using var store = await Open(server.NewEndpoint());
        var document = store.Membership;
        Assert.True(await document.TryReplace(One, 0, default));
        for (var round = 0; round < 3; round++)
        {
            var seen = await document.Read(default);
            await server.Kill();
            await Assert.ThrowsAsync<StoreUnavailableException>(() => document.Read(default));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => document.TryReplace(Two, seen.Version, default));
            await server.Start();
            var read = await document.Read(default);
            Assert.Equal(seen.Content, read.Content);
            Assert.True(await document.TryReplace(Two, read.Version, default));
        }
    }

    [Fact]
    public async Task A_replacement_whose_answer_is_lost_is_unknown_and_lands_once()
    {
        await using var proxy = new FaultProxy(fixture.Server.Port);
        await using var store = await Open(fixture.Server.NewEndpoint(proxy.Port));
        var document = store.Membership;
        for (var round = 0; round < 5; round++)
        {
            var seen = await document.Read(default);
            proxy.LosingAnswers = true;
            await Assert.ThrowsAsync<OutcomeUnknownException>(() => document.TryReplace(One, seen.Version, default));
            proxy.LosingAnswers = false;
            var again = await document.TryReplace(One, seen.Version, default);
            var read = await document.Read(default);
            Assert.Equal(One, read.Content);
            Assert.Equal(seen.Version + 1, read.Version);
            Assert.False(await document.TryReplace(Two, seen.Version, default));
            Assert.False(again); // it had landed
        }
        Assert.True(proxy.AnswersLost > 0);
    }

    [Fact]
    public async Task A_connection_that_was_cut_costs_nothing()
    {
        await using var proxy = new FaultProxy(fixture.Server.Port);
        await using var store = await Open(fixture.Server.NewEndpoint(proxy.Port));
        for (var round = 0; round < 5; round++)
        {
            proxy.CutAll();
            var seen = await store.Membership.Read(default);
            Assert.True(await store.Membership.TryReplace(One, seen.Version, default));
        }
    }

    [Fact]
    public async Task It_can_be_written_where_the_log_has_no_space_and_is_made_anew_there()
    {
        await using var server = new NatsServer(jetStream: "jetstream { store_dir: \"{folder}/data\", max_file_store: 32MB }");
        await server.Start();
        await using var log = await NatsTestStore.Open(server.NewEndpoint());
        await using var other = await Open(log.Endpoint);
        var large = new byte[20_000];
        Assert.True(await other.Membership.TryReplace(large, 0, default));
        var last = 1L;
        await Assert.ThrowsAsync<StoreFullException>(async () =>
        {
            while (true)
                last = await log.Append(last, 1, 100_000);
        });

        for (var round = 0; round < 100; round++)
        {
            var document = round % 2 == 0 ? other.Membership : log.Store.Membership!;
            large[0]++;
            Assert.True(await document.TryReplace(large, (await document.Read(default)).Version, default));
        }

        await log.JetStream.DeleteStreamAsync(log.Options.SiloStream);
        Assert.Empty((await other.Membership.Read(default)).Content);
        Assert.True(await other.Membership.TryReplace(One, 0, default));

        // What it took of the log's reserve, if anything, does not keep compaction from making room.
        await log.Store.Delete(Enumerable.Range(2, (int)last - 1).Select(revision => new RecordId(revision, 0)).ToArray(), default);
        var since = Environment.TickCount64;
        while (log.Store.IsFull)
        {
            Assert.True(Environment.TickCount64 - since < Wait.Limit.TotalMilliseconds, "no room comes");
            await Task.Delay(50);
        }
        await log.Append(last, 10, 100_000);
    }

    [Fact]
    public async Task It_is_reached_inside_a_JetStream_domain()
    {
        await using var server = new NatsServer(jetStream: "jetstream { store_dir: \"{folder}/data\", domain: hub }");
        await server.Start();
        await using var store = new NatsRevisionStore(Options(server.NewEndpoint()) with { ApiPrefix = "$JS.hub.API." });
        await store.Open(default);
        await AssertEmptyAndWritable(store.Membership);
    }

    [Fact]
    public async Task In_a_cluster_a_read_sees_what_was_just_written_through_another_server_and_one_writer_wins()
    {
        int[] routes = [FreePort.Next(), FreePort.Next(), FreePort.Next()];
        NatsServer[] servers = [.. routes.Select((route, i) => new NatsServer($$"""
            server_name: "n{{i}}"
            cluster { name: "c", listen: "127.0.0.1:{{route}}", routes: [ {{string.Join(", ", routes.Select(port => $"\"nats://127.0.0.1:{port}\""))}} ] }
            """))];
        List<NatsRevisionStore> stores = [];
        try
        {
            await Task.WhenAll(servers.Select(server => server.Start()));
            var bucket = NatsServer.NewBucket();
            foreach (var server in servers)
                stores.Add(await OpenPatiently(server.Endpoint(bucket) + "&replicas=3"));

            ulong version = 0;
            for (var round = 0; round < 200; round++)
            {
                var content = Encoding.ASCII.GetBytes($"round {round}");
                Assert.True(await stores[round % 3].Membership.TryReplace(content, version, default));
                var read = await stores[(round + 1) % 3].Membership.Read(default);
                Assert.Equal(content, read.Content);
                version = read.Version;
                Assert.False(await stores[(round + 2) % 3].Membership.TryReplace(content, version - 1, default));
            }

            for (var round = 0; round < 20; round++)
            {
                var seen = version;
                var won = await Task.WhenAll(
                    Enumerable.Range(0, Writers).Select(i => stores[i % 3].Membership.TryReplace(Encoding.ASCII.GetBytes($"{round}-{i}"), seen, default)));
                var winner = Assert.Single(Enumerable.Range(0, Writers), i => won[i]);
                var read = await stores[round % 3].Membership.Read(default);
                Assert.Equal($"{round}-{winner}", Encoding.ASCII.GetString(read.Content));
                version = read.Version;
            }
        }
        finally
        {
            foreach (var store in stores)
                await store.DisposeAsync();

            foreach (var server in servers)
                await server.DisposeAsync();
        }
    }

    private static NatsOptions Options(string endpoint) => StoreEndpoint.Parse(endpoint).Nats! with { Timeout = TimeSpan.FromSeconds(5) };

    private NatsOptions Options(NatsRevisionStore store) => Options(fixture.Server.Endpoint(store.Description.Split(' ')[^1]));

    private static async Task<NatsRevisionStore> Open(string endpoint)
    {
        var store = new NatsRevisionStore(Options(endpoint));
        try
        {
            await store.Open(default);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    // A cluster that has just started has no leader yet.
    private static async Task<NatsRevisionStore> OpenPatiently(string endpoint)
    {
        for (var since = Environment.TickCount64; ; await Task.Delay(200))
        {
            try
            {
                return await Open(endpoint);
            }
            catch (StoreUnavailableException) when (Environment.TickCount64 - since < Wait.Limit.TotalMilliseconds)
            {
                // It will.
            }
        }
    }

    private static async Task AssertEmptyAndWritable(ISharedDocument document)
    {
        var empty = await document.Read(default);
        Assert.Empty(empty.Content);
        Assert.True(await document.TryReplace(One, empty.Version, default));
        var read = await document.Read(default);
        Assert.Equal(One, read.Content);
        Assert.True(read.Version > empty.Version);
    }
}
