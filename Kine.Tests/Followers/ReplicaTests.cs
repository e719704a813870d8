using System.Text;
using Google.Protobuf;
using Kine.Backends;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Following;
using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Grains.Watch;
using Kine.Tests.Grains;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Tests.Followers;

/// <summary>A replica answers what the writer does, whatever becomes of the messages between them.</summary>
public sealed class ReplicaTests
{
    private static readonly byte[] Pods = Encoding.UTF8.GetBytes("/registry/pods/");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_range_equals_the_writers_over_a_channel_that_loses_repeats_and_reorders(int seed)
    {
        var random = Draw.From(seed);
        await using var server = await FollowedServer.Start();
        for (var i = 0; i < 100; i++)
            await server.Change(random, $"before {i}");

        var channel = new LossyChannel(random);
        var store = new PagedStore(server.Store);
        var replica = Follow(server, store);
        await replica.Load();
        for (var i = 0; i < 1000; i++)
        {
            await server.Change(random, $"{i}");
            var mark = server.View.State.CompactRevision;
            if (random.Next(60) == 0 && replica.Revision > mark)
                await server.Compact(random.NextInt64(mark + 1, replica.Revision + 1), physical: random.Next(2) == 0);

            await server.SendTo(channel);
            channel.Deliver(replica.Receive);
            if (random.Next(20) == 0)
            {
                await Compare(server, replica, random);
                await server.Subscribe();
            }
        }

        await Compare(server, replica, random);
        Assert.Equal(1, store.Loads); // it followed, and did not live on loading anew
        Assert.True(channel.Lost > 0 && server.Pulls > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Writes_and_compaction_during_the_load_are_in_it(bool compact)
    {
        var random = Draw.From(7);
        await using var server = await FollowedServer.Start();
        await Task.WhenAll(Enumerable.Range(0, 5000).Select(i => server.Put($"/registry/pods/x{i:d4}", $"{i}")));
        for (var i = 0; i < 100; i++)
            await server.Change(random, $"before {i}");

        var channel = new LossyChannel(random);
        var store = new PagedStore(server.Store);
        var replica = Follow(server, store);
        store.BeforePage = async () =>
        {
            if (store.Pages > 8)
                return;

            await server.Change(random, $"while {store.Pages}");
            await server.Put($"/registry/pods/x{store.Pages * 700 % 5000:d4}", "while it loads");
            await server.Delete($"/registry/pods/x{store.Pages * 900 % 5000:d4}");
            if (compact && store.Pages is 2 or 5)
                await server.Compact(server.View.State.Revision);

            await server.SendTo(channel);
            channel.Deliver(replica.Receive);
        };
        await replica.Load();
        Assert.True(compact ? store.Loads > 1 : store.Loads == 1, $"loaded {store.Loads} times");
        await Compare(server, replica, random);
    }

    [Fact]
    public async Task Reads_that_wait_for_a_pull_which_fails_get_an_error_each()
    {
        await using var server = await FollowedServer.Start();
        var replica = Follow(server);
        await replica.Load();
        await server.Put("/registry/pods/p01", "1");
        var current = await server.Current();
        var fails = new TaskCompletionSource();
        server.AfterPull = () => fails.Task;
        Task[] reads = [replica.At(current, default), replica.At(current, default)];
        fails.SetException(EtcdErrors.TimedOut);
        var first = await Assert.ThrowsAsync<EtcdException>(() => reads[0]);
        var second = await Assert.ThrowsAsync<EtcdException>(() => reads[1]);
        Assert.NotSame(first, second);
        Assert.Equal(first.Message, second.Message);
        server.AfterPull = null;
        Assert.Equal(current.Revision, (await replica.At(current, default)).State.Revision);
    }

    [Fact]
    public async Task A_replica_that_lacks_what_is_compacted_loads_anew()
    {
        var random = Draw.From(3);
        await using var server = await FollowedServer.Start();
        await server.Put("/registry/pods/p01", "1");
        var store = new PagedStore(server.Store);
        var replica = Follow(server, store);
        await replica.Load();
        for (var i = 0; i < 50; i++)
            await server.Change(random, $"lost {i}");

        await server.Compact(server.View.State.Revision - 5);
        await Compare(server, replica, random);
        Assert.Equal(2, store.Loads);
    }

    [Fact]
    public async Task What_was_loaded_is_shown_once_the_writer_has_published_it()
    {
        await using var server = await FollowedServer.Start();
        var before = await server.Current();
        await server.Put("/registry/pods/p01", "1");
        var replica = Follow(server);
        await replica.Load();
        Assert.Equal(2, replica.Revision);
        Assert.Null(replica.TryAt(before));
        var reading = replica.At(before, default);
        await Task.Delay(50);
        Assert.False(reading.IsCompleted);
        replica.Follow(await server.Current());
        Assert.Equal(2, (await reading).State.Revision);
    }

    [Fact]
    public async Task A_load_that_fails_is_told_and_tried_again()
    {
        await using var server = await FollowedServer.Start();
        await server.Put("/registry/pods/p01", "1");
        var store = new PagedStore(server.Store) { BeforePage = static () => throw new StoreUnavailableException("away") };
        var replica = Follow(server, store);
        var current = await server.Current();
        var error = await Assert.ThrowsAsync<EtcdException>(() => replica.At(current, default));
        Assert.Equal((StatusCode.Unavailable, EtcdErrors.TimedOut.Message), (error.Code, error.Message));
        store.BeforePage = null;
        Assert.Equal(2, (await replica.At(current, default)).State.Revision);
    }

    [Fact]
    public async Task The_compaction_mark_arrives_with_the_question_for_the_current_revision()
    {
        await using var server = await FollowedServer.Start();
        var replica = Follow(server);
        for (var i = 0; i < 5; i++)
            await server.Put("/registry/pods/p01", $"{i}");

        var request = new RangeRequest { Key = ByteString.CopyFrom(Pods), RangeEnd = End, Revision = 3 };
        Assert.Equal(1, (await Read(await replica.At(await server.Current(), default), request)).Count);
        await server.Compact(5);
        var view = await replica.At(await server.Current(), default);
        var error = await Assert.ThrowsAsync<EtcdException>(() => Read(view, request));
        Assert.Equal((StatusCode.OutOfRange, EtcdErrors.CompactedText), (error.Code, error.Message));
    }

    [Fact]
    public async Task A_value_that_the_writer_compacted_away_is_missing_until_the_mark_is_heard()
    {
        await using var server = await FollowedServer.Start();
        await server.Put("/registry/pods/p01", "1");
        var replica = Follow(server, cacheBytes: 0);
        var view = await replica.At(await server.Current(), default);
        await server.Put("/registry/pods/p01", "2");
        await server.Compact(3);
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8("/registry/pods/p01") };
        await Assert.ThrowsAsync<MissingValueException>(() => Read(view, request));
        Assert.Equal(1, (await Read(await replica.At(await server.Current(), default), request)).Count);
    }

    private static ByteString End => ByteString.CopyFromUtf8("/registry/pods0");

    private static Replica Follow(FollowedServer server, IRevisionStore? store = null, long cacheBytes = 1 << 14)
    {
        var values = new ValueReader(new ValueCache(cacheBytes), server.Store);
        return new Replica(store ?? server.Store, values, new CompactionPins(), TimeProvider.System, NullLogger.Instance) { Pull = server.Pull };
    }

    private static async Task Compare(FollowedServer server, Replica replica, Random random)
    {
        var state = server.View.State;
        var view = await replica.At(await server.Current(), default);
        Assert.Equal((state.Revision, state.CompactRevision), (view.State.Revision, view.State.CompactRevision));
        for (var i = 0; i < 40; i++)
        {
            var from = random.Next(60);
            var request = new RangeRequest
            {
                Key = i == 0 ? ByteString.CopyFrom(Pods) : ByteString.CopyFromUtf8($"/registry/pods/p{from:d2}"),
                RangeEnd = i == 0 ? End : random.Next(3) == 0 ? ByteString.Empty : ByteString.CopyFromUtf8($"/registry/pods/p{from + random.Next(30):d2}"),
                Revision = random.Next(3) == 0 ? 0 : random.NextInt64(1, state.Revision + 2),
                Limit = random.Next(3) == 0 ? random.Next(1, 9) : 0,
                CountOnly = random.Next(6) == 0,
                KeysOnly = random.Next(4) == 0,
            };
            if (random.Next(8) == 0)
            {
                request.SortTarget = (RangeRequest.Types.SortTarget)random.Next(5);
                request.SortOrder = (RangeRequest.Types.SortOrder)random.Next(3);
                request.MinModRevision = random.Next(2) == 0 ? random.NextInt64(state.Revision) : 0;
            }

            Assert.Equal(await Text(server.View, request), await Text(view, request));
        }
    }

    private static async Task<string> Text(KeyspaceView view, RangeRequest request)
    {
        try
        {
            return $"{request} -> {await Read(view, request)}";
        }
        catch (EtcdException error)
        {
            return $"{request} -> {error.Code} {error.Message}";
        }
    }

    private static async Task<RangeResponse> Read(KeyspaceView view, RangeRequest request)
    {
        using var reply = await RangeReader.Range(view, request, CancellationToken.None);
        var response = new RangeResponse { Header = new ResponseHeader { Revision = reply.Revision }, Count = reply.Count, More = reply.More };
        response.Kvs.Add(reply.First.Select(pair => KeyValue.Parser.ParseFrom(pair.Span)));
        Assert.Null(reply.Rest);
        Assert.Equal(reply.KvsLength, response.Kvs.Sum(pair => (long)KeyValueWire.FieldLength(pair.CalculateSize())));
        return response;
    }

    // Scans a thousand records at a time, and counts.
    private sealed class PagedStore(IRevisionStore inner) : FaultyStore(inner), IRevisionStore
    {
        private readonly IRevisionStore _inner = inner;

        public Func<Task>? BeforePage { get; set; }

        public int Pages { get; private set; }

        public int Loads { get; private set; }

        async Task<RecordId?> IRevisionStore.ScanMetadata(
            RecordId after, long toRevision, int maxRecords, MetadataVisitor visit, CancellationToken cancellationToken)
        {
            Loads += after.Revision == 0 ? 1 : 0;
            Pages++;
            if (BeforePage is { } before)
                await before();

            return await _inner.ScanMetadata(after, toRevision, Math.Min(maxRecords, 1000), visit, cancellationToken);
        }
    }
}
