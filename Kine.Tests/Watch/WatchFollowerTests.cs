using Kine.Etcd;
using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>A hub in another process than the writer: its batches come over a channel that loses, repeats and reorders them.</summary>
public sealed class WatchFollowerTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Every_watcher_sees_every_event_once_and_in_order_over_a_channel_that_loses_repeats_and_reorders(int seed)
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { RingBytes = 50_000, BufferedBatches = 8, PageEvents = 50 });
        var random = Draw.From(seed);
        var streams = new List<(TestStream Stream, string Start, string End, long From)>();
        var channel = new List<EventBatch>();
        for (var i = 0; i < 3000; i++)
        {
            var batch = random.Next(10) == 0
                ? fixture.History.Batch([.. Enumerable.Range(0, random.Next(2, 9)).Select(n => new[] { ($"k{random.Next(9)}", (string?)$"{i}.{n}") })])
                : fixture.History.Write(($"k{random.Next(9)}", random.Next(4) == 0 ? null : $"{i}"), ($"x{i}", "v"));
            switch (random.Next(10))
            {
                case 0 or 1:
                    break;
                case 2 or 3:
                    channel.Add(batch);
                    channel.Add(batch);
                    break;
                default:
                    channel.Add(batch);
                    break;
            }

            while (channel.Count > random.Next(6))
            {
                var take = random.Next(channel.Count);
                fixture.Hub.Publish(channel[take]);
                channel.RemoveAt(take);
            }

            if (i % 100 == 0)
            {
                var from = random.Next(2) == 0 ? 2 : random.NextInt64(fixture.Hub.Revision + 1, fixture.Hub.Revision + 20);
                var key = random.Next(8);
                var stream = fixture.Open();
                streams.Add((stream, $"k{key}", $"k{key + 2}", from));
                await stream.Create($"k{key}", $"k{key + 2}", from, c => c.PrevKv = random.Next(2) == 0);
                await Task.Delay(1);
            }
        }

        fixture.Hub.Advance(fixture.History.PublishedRevision);
        await fixture.Hub.WaitForRevision(fixture.History.PublishedRevision, default).WaitAsync(Wait.Limit);
        foreach ((var stream, var start, var end, var from) in streams)
        {
            var expected = WatchSlowReaderTests.Expected(fixture, start, end, from);
            Assert.Equal(expected, await stream.Events(expected.Count));
            await stream.AskProgress();
            var progress = await stream.Next();
            Assert.Equal((-1, fixture.History.PublishedRevision, 0), (progress.WatchId, progress.Header.Revision, progress.Events.Count));
        }
    }

    [Fact]
    public async Task A_gap_is_pulled_when_the_next_batch_shows_it()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("a");
        fixture.History.Put("a", "lost");
        fixture.Put("a", "came");
        Assert.Equal(["2 a=lost", "3 a=came"], await stream.Events(2));
    }

    [Fact]
    public async Task A_lost_last_batch_is_pulled_when_its_revision_becomes_known()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("a");
        fixture.History.Put("a", "lost");
        Assert.True(await stream.IsQuiet());
        fixture.Hub.Advance(2);
        Assert.Equal(["2 a=lost"], await stream.Events(1));
    }

    [Fact]
    public async Task A_gap_that_is_compacted_cancels_the_watchers_that_missed_it()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("a");
        await stream.Watch("a", start: 30);
        for (var i = 0; i < 20; i++)
            fixture.History.Put("a", "lost");

        fixture.History.Compact(15);
        fixture.Put("a", "came");
        var cancelled = await stream.Next();
        Assert.Equal((0, true, 15), (cancelled.WatchId, cancelled.Canceled, cancelled.CompactRevision));
        await fixture.Hub.WaitForRevision(22, default).WaitAsync(Wait.Limit);
        while (fixture.History.PublishedRevision < 30)
            fixture.Put("a", $"{fixture.History.PublishedRevision}");

        var live = await stream.Next();
        Assert.Equal((1, "30 a=29"), (live.WatchId, TestStream.Text(Assert.Single(live.Events))));
    }

    [Fact]
    public async Task Batches_that_come_before_the_load_are_applied_on_top_of_it()
    {
        var history = new FakeHistory();
        using var hub = new WatchHub(history, new WatchHubOptions(), TimeProvider.System);
        history.Put("a", "1");
        var second = history.Put("a", "2");
        hub.Publish(history.Put("a", "3"));
        hub.Publish(second);
        Assert.Equal(0, hub.Revision);
        hub.Load(2, 2, 0, [history.Log[0]]);
        Assert.Equal(4, hub.Revision);
        Assert.Equal((2, 4), hub.RingRange);
        await using var stream = new TestStream(hub);
        await stream.Watch("a", start: 2);
        Assert.Equal(["2 a=1", "3 a=2", "4 a=3"], await stream.Events(3));
        Assert.Equal(0, history.Reads);
    }

    [Fact]
    public async Task A_jump_after_a_loss_of_data_cancels_all_watches_as_compacted()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("a");
        fixture.Put("a", "1");
        Assert.Equal(["2 a=1"], await stream.Events(1));
        fixture.Hub.Load(1_000_003, 1_000_002, 1_000_002, []);
        var reply = await stream.Next();
        Assert.Equal((true, 1_000_002), (reply.Canceled, reply.CompactRevision));
        Assert.Equal(1_000_002, (await stream.Watch("a")).Header.Revision);
    }
}
