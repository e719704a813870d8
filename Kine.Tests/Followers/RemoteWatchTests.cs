using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Fencing;
using Kine.Grains.Following;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Kine.Grains.Writing;
using Kine.Tests.Watch;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Tests.Followers;

/// <summary>Watches in a process without the writer see what those in the writer's process see.</summary>
public sealed class RemoteWatchTests
{
    private static readonly WatchHubOptions SmallRing = new() { RingBytes = 20_000, BufferedBatches = 8, PageEvents = 50 };

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    [InlineData(4, true)]
    public async Task Every_watcher_sees_every_event_once_and_in_order_as_at_the_writer(int seed, bool replica)
    {
        var random = Draw.From(seed);
        await using var server = await FollowedServer.Start();
        var remote = Remote(server);
        using var hub = new WatchHub(new EventHistory(remote, server.Grains), SmallRing, TimeProvider.System);
        for (var i = 0; i < 50; i++)
            await server.Change(random, $"before {i}");

        if (replica)
            remote.Replica.Pull = server.Pull;

        var start = await server.Subscribe();
        remote.Advance(start);
        if (replica)
            await remote.Replica.At(start, default);

        hub.Load(start.Revision + 1, start.Revision, start.CompactRevision, []);
        var channel = new LossyChannel(random);
        var pairs = new List<(TestStream Local, TestStream Remote)>();
        for (var i = 0; i < 1000; i++)
        {
            await server.Change(random, $"{i}");
            await server.SendTo(channel);
            channel.Deliver(batch => Hear(remote, hub, batch));
            if (i % 40 == 0)
            {
                var revision = server.View.State.Revision;
                var from = random.Next(60);
                var previous = random.Next(2) == 0;
                var first = random.Next(3) switch { 0 => 2, 1 => random.NextInt64(2, revision + 1), _ => revision + random.Next(1, 20) };
                pairs.Add((new TestStream(server.Hub), new TestStream(hub)));
                foreach (var stream in new[] { pairs[^1].Local, pairs[^1].Remote })
                    await stream.Watch($"/registry/pods/p{from:d2}", $"/registry/pods/p{from + 20:d2}", first, create => create.PrevKv = previous);

                await server.Subscribe();
            }
        }

        var last = new TxnRequest();
        last.Success.Add(Enumerable.Range(0, 80).Select(i => new RequestOp
        {
            RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"/registry/pods/p{i:d2}"), Value = ByteString.CopyFromUtf8("last") },
        }));
        await server.Api.Txn(last, CancellationToken.None);
        var end = await server.Current();
        remote.Advance(end);
        hub.Advance(end.Revision);
        await hub.WaitForRevision(end.Revision, CancellationToken.None).WaitAsync(Wait.Limit);
        foreach ((var local, var far) in pairs)
        {
            var expected = await UpTo(local, end.Revision);
            Assert.Equal(expected, await UpTo(far, end.Revision));
            await far.AskProgress();
            var progress = await far.Next();
            Assert.Equal((-1, end.Revision, 0), (progress.WatchId, progress.Header.Revision, progress.Events.Count));
            await local.DisposeAsync();
            await far.DisposeAsync();
        }

        Assert.True(channel.Lost > 0);
    }

    [Fact]
    public async Task A_gap_that_is_compacted_cancels_the_watches_that_missed_it()
    {
        await using var server = await FollowedServer.Start();
        var remote = Remote(server);
        using var hub = new WatchHub(new EventHistory(remote, server.Grains), SmallRing, TimeProvider.System);
        remote.Advance(await server.Current());
        hub.Load(2, 1, 0, []);
        await using var stream = new TestStream(hub);
        await stream.Watch("/registry/pods/a");
        for (var i = 0; i < 20; i++)
            await server.Put("/registry/pods/a", $"{i}");

        await server.Compact(15);
        hub.Advance(21);
        var cancelled = await stream.Next();
        Assert.Equal((true, 15L), (cancelled.Canceled, cancelled.CompactRevision));
        await stream.Watch("/registry/pods/a", start: 15);
        Assert.Equal(7, (await stream.Events(7)).Count);
    }

    [Fact]
    public async Task A_watch_begins_behind_what_its_process_has_told_its_clients()
    {
        await using var server = await FollowedServer.Start();
        var remote = Remote(server);
        using var hub = new WatchHub(new EventHistory(remote, server.Grains), SmallRing, TimeProvider.System);
        remote.Advance(await server.Current());
        hub.Load(2, 1, 0, []);
        var put = await server.Put("/registry/pods/a", "told");
        remote.Advance(new PublishedState(put.Header.Revision, -1, 0));
        await using var stream = new TestStream(hub);
        Assert.Equal(put.Header.Revision, (await stream.Watch("/registry/pods/a")).Header.Revision);
        await server.Put("/registry/pods/a", "next");
        hub.Advance(3);
        Assert.Equal(["3 /registry/pods/a=next"], await stream.Events(1));
    }

    private static ProcessState Remote(FollowedServer server) =>
        new(server.Store, new WriterOptions(), new ProofClock(), TimeProvider.System, NullLogger<Replica>.Instance);

    private static void Hear(ProcessState remote, WatchHub hub, EventBatch batch)
    {
        if (remote.Replica.Revision > 0)
            remote.Replica.Receive(batch);

        remote.Advance(new PublishedState(batch.LastRevision, batch.CompactRevision, 0));
        hub.Publish(batch);
    }

    // All events up to the last revision, which every watch has a part in.
    private static async Task<List<string>> UpTo(TestStream stream, long revision)
    {
        var events = new List<string>();
        long seen = 0;
        while (seen < revision)
        {
            var reply = await stream.Next();
            Assert.False(reply.Canceled);
            events.AddRange(reply.Events.Select(e => $"{TestStream.Text(e)} before {e.PrevKv?.ModRevision}={e.PrevKv?.Value.ToStringUtf8()}"));
            seen = reply.Events.Count > 0 ? reply.Events[^1].Kv.ModRevision : seen;
        }

        return events;
    }
}
