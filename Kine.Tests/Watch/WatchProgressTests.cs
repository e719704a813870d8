using Kine.Etcd;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>Progress replies: when they come, and what they promise.</summary>
public sealed class WatchProgressTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5.6); // the default and its chance part

    [Fact]
    public async Task Progress_is_answered_at_once_for_all_watches_of_a_stream()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("a");
        await stream.Watch("b", "c");
        fixture.Put("x", "1");
        await stream.AskProgress();
        Assert.Equal(
            new WatchResponse { Header = new ResponseHeader { ClusterId = 11, MemberId = 12, Revision = 2, RaftTerm = 13 }, WatchId = -1 },
            await stream.Next());
    }

    [Fact]
    public async Task Progress_is_dropped_without_watches_or_when_one_starts_ahead_or_is_compacted()
    {
        await using var fixture = new WatchFixture();
        var none = fixture.Open();
        await none.AskProgress();
        Assert.True(await none.IsQuiet());

        var ahead = fixture.Open();
        await ahead.Watch("a", start: 3);
        await ahead.AskProgress();
        Assert.True(await ahead.IsQuiet());
        fixture.Put("x", "1");
        fixture.Put("x", "2");
        await ahead.AskProgress();
        Assert.Equal(3, (await ahead.Next()).Header.Revision);
    }

    [Fact]
    public async Task Progress_is_dropped_while_a_watch_catches_up()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        fixture.Put("a", "1");
        var gate = new TaskCompletionSource();
        fixture.History.BeforeRead = () => gate.Task;
        var stream = fixture.Open();
        await stream.Watch("b");
        await stream.Watch("a", start: 2);
        await stream.AskProgress();
        Assert.True(await stream.IsQuiet());
        gate.SetResult();
        Assert.Equal(["2 a=1"], await stream.Events(1));
        await stream.AskProgress();
        Assert.Equal((-1, 2), (await stream.Next()) is { } reply ? (reply.WatchId, reply.Header.Revision) : default);
    }

    [Fact]
    public async Task Progress_never_overtakes_an_event()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        for (var i = 0; i < 20; i++)
            await stream.Watch("k", "l", more: c => c.PrevKv = i % 2 == 0);

        using var done = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 3000; i++)
            {
                fixture.Put($"k{i % 10}", "v");
                if (i % 50 == 0)
                    await Task.Delay(1);
            }

            await done.CancelAsync();
        });
        var asking = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                await stream.AskProgress();
                await Task.Delay(1);
            }
        });
        await Task.WhenAll(writing, asking);
        var at = new long[20];
        var progress = 0;
        while (at.Any(r => r < 3001))
        {
            var reply = await stream.Next();
            if (reply.WatchId == -1)
            {
                progress++;
                Assert.All(at, r => Assert.True(r == 0 || r >= reply.Header.Revision, $"progress {reply.Header.Revision}, but an event of {r + 1} is missing"));
            }

            foreach (var e in reply.Events)
            {
                Assert.True(at[reply.WatchId] == 0 || e.Kv.ModRevision == at[reply.WatchId] + 1);
                at[reply.WatchId] = e.Kv.ModRevision;
            }
        }

        Assert.True(progress > 0);
    }

    [Fact]
    public async Task Idle_watches_that_asked_for_it_get_periodic_progress()
    {
        var time = new ManualTime();
        await using var fixture = new WatchFixture(time: time);
        var stream = fixture.Open();
        await stream.Watch("a", more: c => c.ProgressNotify = true);
        await stream.Watch("b");
        await stream.Watch("c", more: c => c.ProgressNotify = true);
        fixture.Put("a", "1");
        Assert.Equal(["2 a=1"], await stream.Events(1));

        time.Advance(Interval);
        Assert.Equal((2, 2), (await stream.Next()) is { } first ? (first.WatchId, first.Header.Revision) : default);
        Assert.True(await stream.IsQuiet());

        time.Advance(Interval);
        var second = new List<long> { (await stream.Next()).WatchId, (await stream.Next()).WatchId };
        Assert.Equal([0, 2], second.Order());
    }

    [Fact]
    public async Task Periodic_progress_waits_for_catch_up_and_for_the_start()
    {
        var time = new ManualTime();
        await using var fixture = new WatchFixture(WatchFixture.NoRing, time);
        fixture.Put("a", "1");
        var gate = new TaskCompletionSource();
        fixture.History.BeforeRead = () => gate.Task;
        var stream = fixture.Open();
        await stream.Watch("b", start: 2, more: c => c.ProgressNotify = true);
        await stream.Watch("c", start: 3, more: c => c.ProgressNotify = true);
        time.Advance(Interval);
        Assert.True(await stream.IsQuiet());
        gate.SetResult();
        while (fixture.Hub.UnsyncedCount > 0)
            await Task.Delay(1);

        time.Advance(Interval);
        Assert.Equal((0, 2), (await stream.Next()) is { } reply ? (reply.WatchId, reply.Header.Revision) : default);
        Assert.True(await stream.IsQuiet());
    }
}
