using Kine.Etcd;
using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>Slow and absent readers, compaction under them, and going from the past over into the present.</summary>
public sealed class WatchSlowReaderTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_stops_reading_is_put_aside_and_gets_everything_later(bool previous)
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { LagBytes = 20_000, RingBytes = 100_000 });
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var slow = fixture.Open();
        var quick = fixture.Open();
        await slow.Watch("k", more: c => c.PrevKv = previous);
        await quick.Watch("k");
        slow.Gate = () => gate.Task;
        string value = new('x', 500);
        for (var i = 0; i < 2000; i++)
        {
            fixture.Put("k", value);
            if (i % 50 == 49)
                await quick.Events(50);
        }

        Assert.Equal(1, fixture.Hub.UnsyncedCount);
        gate.SetResult();
        var events = await slow.Events(2000);
        Assert.Equal(Enumerable.Range(2, 2000).Select(r => $"{r} k={value}"), events);
        fixture.Put("k", "end");
        Assert.Equal(["2002 k=end"], await slow.Events(1));
        Assert.Equal(0, fixture.Hub.UnsyncedCount);
    }

    [Fact]
    public async Task Whom_the_ring_outruns_goes_on_from_the_log()
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { RingBytes = 20_000 });
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var slow = fixture.Open();
        await slow.Watch("quiet");
        slow.Gate = () => gate.Task;
        fixture.Put("x", "1");
        fixture.Put("quiet", "1");
        fixture.Put("quiet", "2");
        for (var i = 0; i < 300; i++)
            fixture.Put("busy", "x");

        fixture.Put("quiet", "3");
        Assert.True(fixture.Hub.RingRange.First > 4);
        Assert.Equal(1, fixture.Hub.UnsyncedCount);
        gate.SetResult();
        Assert.Equal(["3 quiet=1", "4 quiet=2", "305 quiet=3"], await slow.Events(3));
        Assert.True(fixture.History.Reads > 0);
    }

    [Fact]
    public async Task A_slow_watch_whose_rest_is_compacted_is_cancelled_and_others_are_not()
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { LagBytes = 100, RingBytes = 1000 });
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var slow = fixture.Open();
        var quick = fixture.Open();
        await slow.Watch("k");
        await quick.Watch("k");
        slow.Gate = () => gate.Task;
        for (var i = 0; i < 100; i++)
        {
            fixture.Put("k", "x");
            await quick.Events(1);
        }

        fixture.Compact(50);
        gate.SetResult();
        var reply = await slow.Next();
        while (!reply.Canceled)
            reply = await slow.Next();

        Assert.Equal((50, "", 0), (reply.CompactRevision, reply.CancelReason, reply.Header.Revision));
        fixture.Put("k", "y");
        Assert.Equal(["102 k=y"], await quick.Events(1));
        Assert.True(await slow.IsQuiet());
    }

    [Fact]
    public async Task A_page_that_was_read_while_its_revisions_were_compacted_is_dropped()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        for (var i = 0; i < 20; i++)
            fixture.Put("k", "x");

        var reads = 0;
        fixture.History.AfterRead = () =>
        {
            if (Interlocked.Increment(ref reads) == 1)
                fixture.Compact(10);

            return Task.CompletedTask;
        };
        var stream = fixture.Open();
        await stream.Watch("k", start: 5);
        var reply = await stream.Next();
        Assert.Equal((true, 10, 0), (reply.Canceled, reply.CompactRevision, reply.Events.Count));
        var above = fixture.Open();
        await above.Watch("k", start: 10);
        Assert.Equal(12, (await above.Events(12)).Count);
    }

    [Fact]
    public async Task Cancelling_while_catching_up_ends_the_events()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        fixture.Put("k", "x");
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        fixture.History.BeforeRead = () => gate.Task;
        var stream = fixture.Open();
        await stream.Watch("k", start: 2);
        while (fixture.History.Reads == 0)
            await Task.Delay(1);

        await stream.Cancel(0);
        Assert.True((await stream.Next()).Canceled);
        gate.SetResult();
        fixture.Put("k", "y");
        Assert.True(await stream.IsQuiet());
        Assert.Equal(0, fixture.Hub.UnsyncedCount);
    }

    [Fact]
    public async Task Watchers_of_the_past_share_one_scan()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        for (var i = 0; i < 3000; i++)
            fixture.Put($"k{i % 100}", "x");

        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        fixture.History.BeforeRead = () => gate.Task;
        var streams = new List<TestStream>();
        for (var i = 0; i < 100; i++)
        {
            streams.Add(fixture.Open());
            await streams[i].Watch($"k{i}", start: 2);
        }

        gate.SetResult();
        foreach (var stream in streams)
            Assert.Equal(30, (await stream.Events(30)).Count);

        Assert.InRange(fixture.History.Reads, 3, 10);
    }

    [Fact]
    public async Task Watches_begun_anywhere_while_events_pour_in_get_each_once_and_in_order()
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { RingBytes = 60_000, LagBytes = 8000, ReplyBytes = 2000, PageEvents = 20 });
        const int Last = 3000;
        var seed = 5;
        var random = Draw.From(seed);
        var writing = Task.Run(async () =>
        {
            var writes = Draw.From(seed + 1);
            while (fixture.History.PublishedRevision < Last)
            {
                fixture.Hub.Publish(fixture.History.Batch([.. Enumerable.Range(0, writes.Next(1, 6)).Select(
                    _ => Enumerable.Range(0, writes.Next(1, 4)).Select(sub => ($"k{sub}", writes.Next(5) == 0 ? null : (string?)"v")).ToArray())]));
                if (writes.Next(20) == 0)
                    await Task.Delay(1);
            }
        });
        var checks = new List<Task>();
        while ((!writing.IsCompleted && checks.Count < 60) || checks.Count < 20)
        {
            var from = random.NextInt64(1, fixture.Hub.Revision + 1) + 1;
            var delay = random.Next(4);
            var stream = fixture.Open(delay == 0 ? () => Task.Delay(1) : null);
            checks.Add(Check(stream, from, random.Next(2) == 0));
            await Task.Delay(random.Next(10));
        }

        await writing;
        fixture.Put("kend", "end");
        await Task.WhenAll(checks);

        async Task Check(TestStream stream, long from, bool previous)
        {
            await stream.Create("k", "l", from, c => c.PrevKv = previous);
            var seen = new List<string>();
            while (seen.Count == 0 || !seen[^1].EndsWith("kend=end", StringComparison.Ordinal))
            {
                var reply = await stream.Next();
                seen.AddRange(reply.Events.Select(TestStream.Text));
                Assert.All(
                    reply.Events,
                    e => Assert.True(!previous || e.Kv.CreateRevision == e.Kv.ModRevision || e.PrevKv is not null || e.Type == Event.Types.EventType.Delete));
            }

            Assert.Equal(Expected(fixture, "k", "l", from), seen);
        }
    }

    [Fact]
    public async Task A_thousand_watchers_get_their_own_events_and_leave_nothing_behind()
    {
        await using var fixture = new WatchFixture();
        var streams = new List<TestStream>();
        for (var s = 0; s < 50; s++)
        {
            streams.Add(fixture.Open());
            for (var w = 0; w < 20; w++)
                await streams[s].Create($"/registry/pods/ns{(s * 20) + w}/", $"/registry/pods/ns{(s * 20) + w}0");
        }

        for (var i = 0; i < 2000; i++)
            fixture.Put($"/registry/pods/ns{i % 1000}/p", $"{i}");

        foreach (var stream in streams)
            Assert.Equal(40, (await stream.Events(40)).Count);

        Assert.All(streams, stream => Assert.Equal(0, stream.Waiting));
    }

    internal static List<string> Expected(WatchFixture fixture, string start, string end, long from) =>
        [.. fixture.History.Log
            .Where(e => e.Revision >= from)
            .Select(e => (Key: System.Text.Encoding.UTF8.GetString(e.Key.Span), Event: e))
            .Where(e => string.CompareOrdinal(e.Key, start) >= 0 && string.CompareOrdinal(e.Key, end) < 0)
            .Select(e => e.Event.Version.IsTombstone
                ? $"{e.Event.Revision} -{e.Key}"
                : $"{e.Event.Revision} {e.Key}={KeyValue.Parser.ParseFrom(e.Event.KeyValue.Span).Value.ToStringUtf8()}")];
}
