using System.Text;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Cluster;
using Kine.Grains.Reads;
using Kine.Grains.Values;

namespace Kine.Tests.Followers;

/// <summary>A follower's index answers what the writer's does, whatever becomes of the messages between them.</summary>
public sealed class IndexFollowerTests
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
        var follower = Follow(server);
        await follower.Load();
        var floor = follower.Floor;
        for (var i = 0; i < 1000; i++)
        {
            await server.Change(random, $"{i}");
            var mark = server.View.State.CompactRevision;
            if (random.Next(60) == 0 && follower.Revision > mark)
                await server.Compact(random.NextInt64(mark + 1, follower.Revision + 1), physical: random.Next(2) == 0);

            await server.SendTo(channel);
            channel.Deliver(follower.Receive);
            if (random.Next(20) == 0)
            {
                await follower.CatchUp(await server.Current());
                await Compare(server, follower, random);
                await server.Subscribe();
            }
        }

        await follower.CatchUp(await server.Current());
        await Compare(server, follower, random);
        Assert.Equal(floor, follower.Floor); // it followed, and did not live on loading anew
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
        var follower = Follow(server);
        server.BeforePiece = async () =>
        {
            await server.Change(random, $"while {server.Pieces}");
            await server.Put($"/registry/pods/x{server.Pieces * 700 % 5000:d4}", "while it loads");
            await server.Delete($"/registry/pods/x{server.Pieces * 900 % 5000:d4}");
            if (compact && server.Pieces is 2 or 5)
                await server.Compact(server.View.State.Revision);

            await server.SendTo(channel);
            channel.Deliver(follower.Receive);
        };
        await follower.Load();
        Assert.True(compact ? server.Pieces > 4 : server.Pieces is 3 or 4);
        await follower.CatchUp(await server.Current());
        await Compare(server, follower, random);
    }

    [Fact]
    public async Task A_read_that_shares_a_pull_which_brings_nothing_new_asks_again()
    {
        await using var server = await FollowedServer.Start();
        await server.Put("/registry/pods/p01", "1");
        var follower = Follow(server);
        await follower.Load();
        await server.Put("/registry/pods/p01", "2");
        var pulled = new TaskCompletionSource();
        var handOver = new TaskCompletionSource(); // its continuations run here: one caller at a time
        server.AfterPull = () =>
        {
            server.AfterPull = null;
            pulled.SetResult();
            return handOver.Task;
        };
        var first = follower.CatchUp(await server.Current());
        await pulled.Task;
        await server.Put("/registry/pods/p01", "3");
        follower.Receive(await server.Pull(follower.Revision));
        await server.Put("/registry/pods/p01", "4");
        var current = await server.Current();
        var second = follower.CatchUp(current);
        handOver.SetResult();
        await first;
        await second;
        Assert.Equal(current.Revision, follower.Revision);
    }

    [Fact]
    public async Task Reads_that_share_a_pull_which_fails_get_an_error_each()
    {
        await using var server = await FollowedServer.Start();
        var follower = Follow(server);
        await follower.Load();
        await server.Put("/registry/pods/p01", "1");
        var current = await server.Current();
        var fails = new TaskCompletionSource();
        server.AfterPull = () => fails.Task;
        Task[] reads = [follower.CatchUp(current), follower.CatchUp(current)];
        fails.SetException(EtcdErrors.TimedOut);
        var first = await Assert.ThrowsAsync<EtcdException>(() => reads[0]);
        var second = await Assert.ThrowsAsync<EtcdException>(() => reads[1]);
        Assert.NotSame(first, second);
        Assert.Equal(first.Message, second.Message);
    }

    [Fact]
    public async Task A_follower_that_lacks_what_is_compacted_loads_anew_and_never_goes_back()
    {
        var random = Draw.From(3);
        await using var server = await FollowedServer.Start();
        await server.Put("/registry/pods/p01", "1");
        var follower = Follow(server);
        await follower.Load();
        for (var i = 0; i < 50; i++)
            await server.Change(random, $"lost {i}");

        await server.Compact(server.View.State.Revision - 5);
        long seen = 0;
        server.BeforePiece = () =>
        {
            seen = follower.Revision;
            return Task.CompletedTask;
        };
        await follower.CatchUp(await server.Current());
        Assert.True(seen > 0 && follower.Floor == server.View.State.Revision && follower.Revision >= seen);
        await Compare(server, follower, random);
    }

    [Fact]
    public async Task The_compaction_mark_arrives_with_the_question_for_the_current_revision()
    {
        await using var server = await FollowedServer.Start();
        var follower = Follow(server);
        await follower.Load();
        for (var i = 0; i < 5; i++)
            await server.Put("/registry/pods/p01", $"{i}");

        await follower.CatchUp(await server.Current());
        Assert.Equal(1, (await Read(follower.View, new RangeRequest { Key = ByteString.CopyFrom(Pods), RangeEnd = End, Revision = 3 })).Count);
        await server.Compact(5);
        await follower.CatchUp(await server.Current());
        var error = await Assert.ThrowsAsync<EtcdException>(
            () => Read(follower.View, new RangeRequest { Key = ByteString.CopyFrom(Pods), RangeEnd = End, Revision = 3 }));
        Assert.Equal((StatusCode.OutOfRange, EtcdErrors.CompactedText), (error.Code, error.Message));
    }

    [Fact]
    public async Task A_value_that_the_writer_compacted_away_is_missing_until_the_mark_is_heard()
    {
        await using var server = await FollowedServer.Start();
        await server.Put("/registry/pods/p01", "1");
        var follower = Follow(server, cacheBytes: 0);
        await follower.Load();
        await server.Put("/registry/pods/p01", "2");
        await server.Compact(3);
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8("/registry/pods/p01") };
        await Assert.ThrowsAsync<MissingValueException>(() => Read(follower.View, request));
        await follower.CatchUp(await server.Current());
        Assert.Equal(1, (await Read(follower.View, request)).Count);
    }

    [Fact]
    public async Task A_list_that_ends_with_its_first_piece_is_not_cut()
    {
        await using var server = await FollowedServer.Start();
        await server.Put("/registry/pods/a", "small");
        await server.Put("/registry/pods/b", new string('v', 9 << 20));
        var request = new RangeRequest { Key = ByteString.CopyFrom(Pods), RangeEnd = End, Limit = 2 };
        var reply = await WireRangeReply.Read(server.View, request);
        Assert.Equal((2, false, false), (reply.Pairs.Count, reply.Cut, reply.More));
        await server.Put("/registry/pods/c", "behind");
        reply = await WireRangeReply.Read(server.View, request);
        Assert.Equal((2, false, true), (reply.Pairs.Count, reply.Cut, reply.More));
        request.Limit = 0;
        reply = await WireRangeReply.Read(server.View, request);
        Assert.Equal((2, true, false), (reply.Pairs.Count, reply.Cut, reply.More));
    }

    private static ByteString End => ByteString.CopyFromUtf8("/registry/pods0");

    private static IndexFollower Follow(FollowedServer server, long cacheBytes = 1 << 14) =>
        new(Pods, server, new ValueReader(new ValueCache(cacheBytes), server.Store));

    private static async Task Compare(FollowedServer server, IndexFollower follower, Random random)
    {
        var state = server.View.State;
        Assert.Equal((state.Revision, state.CompactRevision), (follower.Revision, follower.View.State.CompactRevision));
        var oldest = Math.Max(follower.Floor, 1);
        for (var i = 0; i < 40; i++)
        {
            var from = random.Next(60);
            var request = new RangeRequest
            {
                Key = i == 0 ? ByteString.CopyFrom(Pods) : ByteString.CopyFromUtf8($"/registry/pods/p{from:d2}"),
                RangeEnd = i == 0 ? End : random.Next(3) == 0 ? ByteString.Empty : ByteString.CopyFromUtf8($"/registry/pods/p{from + random.Next(30):d2}"),
                Revision = random.Next(3) == 0 ? 0 : random.NextInt64(oldest, state.Revision + 2),
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

            Assert.Equal(await Text(server.View, request), await Text(follower.View, request));
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
}
