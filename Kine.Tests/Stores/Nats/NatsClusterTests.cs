using Kine.Backends;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Nats;

/// <summary>A stream with three replicas outlives one server.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsClusterTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Three_replicas_lose_nothing_when_one_after_the_other_is_killed()
    {
        int[] routes = [FreePort.Next(), FreePort.Next(), FreePort.Next()];
        NatsServer[] servers = [.. routes.Select((route, i) => new NatsServer($$"""
            server_name: "n{{i}}"
            cluster { name: "c", listen: "127.0.0.1:{{route}}", routes: [ {{string.Join(", ", routes.Select(port => $"\"nats://127.0.0.1:{port}\""))}} ] }
            """))];
        try
        {
            await Task.WhenAll(servers.Select(server => server.Start()));
            var endpoint = string.Join(',', servers.Select((server, i) =>
                $"nats://127.0.0.1:{server.Port}" + (i == 0 ? $"?bucket={NatsServer.NewBucket()}&replicas=3" : "")));
            var store = await Until(() => NatsTestStore.Open(endpoint));
            await using var opened = store;
            Assert.DoesNotContain(store.Store.Warnings, warning => warning.Contains("replicas", StringComparison.Ordinal));
            long confirmed = 1;
            foreach (var server in servers)
            {
                confirmed = await Append(store, confirmed, 20);
                await server.Kill();
                confirmed = await Append(store, confirmed, 20);
                await server.Start();
                confirmed = await Append(store, confirmed, 20);
            }
            await Until(async () =>
            {
                await store.AssertHolds([.. Enumerable.Range(2, (int)confirmed - 1)], 200);
                return true;
            });
        }
        finally
        {
            foreach (var server in servers)
                await server.DisposeAsync();
        }
    }

    // As the writer does it: what was not confirmed is looked up under a new epoch.
    private static async Task<long> Append(NatsTestStore store, long last, int batches)
    {
        for (var i = 0; i < batches; i++)
        {
            var before = last;
            try
            {
                last = await store.Append(before, 5, 200);
            }
            catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
            {
                await Until(async () =>
                {
                    await store.TakeOver();
                    return true;
                });
                last = store.Mine.LastRevision;
                Assert.Contains(last, (long[])[before, before + 5]);
            }
        }
        return last;
    }

    private static async Task<T> Until<T>(Func<Task<T>> attempt)
    {
        var deadline = DateTime.UtcNow + Patience;
        while (true)
        {
            try
            {
                return await attempt();
            }
            catch (StoreUnavailableException) when (DateTime.UtcNow < deadline)
            {
                await Task.Delay(100);
            }
        }
    }
}
