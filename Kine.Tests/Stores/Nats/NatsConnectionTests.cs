using System.Globalization;
using System.Text.Json.Nodes;
using Kine.Backends.Nats;
using Kine.Backends.Stores;
using Kine.Tests.Faults;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Nats;

/// <summary>What a connection promises beyond what the library does by itself.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsConnectionTests(NatsFixture fixture)
{
    private static readonly TimeSpan RedialTime = TimeSpan.FromSeconds(3); // the library dials again at once, and every two seconds

    [Fact]
    public async Task A_connection_that_was_cut_is_never_dialled_again_since_it_would_send_what_was_queued()
    {
        var monitor = FreePort.Next();
        await using var server = new NatsServer($"http: \"127.0.0.1:{monitor}\"");
        await server.Start();
        await using var proxy = new FaultProxy(server.Port);
        var connection = await Connection.Open(StoreEndpoint.Parse(server.NewEndpoint(proxy.Port)).Nats!, default);
        var before = await Dialled();
        proxy.CutAll();
        while (connection.IsAlive)
            await Task.Delay(1);

        await Task.Delay(RedialTime);
        Assert.Equal(before, await Dialled());
        var refused = await Assert.ThrowsAsync<ConnectionException>(async () => await connection.Send(new OutgoingMessage("a", default), "b"));
        Assert.False(refused.MaybeSent);

        async Task<long> Dialled()
        {
            using var client = new HttpClient();
            var address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{monitor}/varz");
            return JsonNode.Parse(await client.GetStringAsync(address))!["total_connections"]!.GetValue<long>();
        }
    }

    [Fact]
    public async Task A_message_that_is_gone_may_be_deleted_again()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        await store.Append(1, 3, 100, perBatch: 1);
        var connection = await Connection.Open(store.Options, default);
        var stream = new LogStream(store.Options);
        for (var i = 0; i < 3; i++)
            await stream.Delete(connection, 2, default);

        Assert.Null(await stream.Get(connection, 2, default));
        Assert.NotNull(await stream.Get(connection, 3, default));
        connection.Close();
    }

    [Fact]
    public async Task Readers_that_give_up_while_the_log_is_loaded_leave_nothing_behind_that_disturbs_the_next()
    {
        await using var store = await NatsTestStore.Open(fixture.Server.NewEndpoint());
        await store.Append(1, 4000, 10, perBatch: 1);
        for (var i = 0; i < 20; i++)
        {
            await using var follower = await NatsTestStore.Open(store.Endpoint, takeOver: false);
            using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(2 * i));
            try
            {
                await follower.Store.ReadSide(stop.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.True(stop.IsCancellationRequested);
            }
            Assert.Equal(Enumerable.Range(2, 4000).Select(revision => (long)revision), await follower.ScanRevisions(5000));
        }
    }
}
