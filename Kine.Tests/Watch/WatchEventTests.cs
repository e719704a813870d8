using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>What live and past watches are sent.</summary>
public sealed class WatchEventTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_past_is_replayed_and_goes_over_into_the_present(bool inRing)
    {
        await using var fixture = new WatchFixture(inRing ? null : WatchFixture.NoRing);
        for (var i = 2; i <= 2500; i++)
            fixture.Put($"k{i % 7}", $"{i}");

        var stream = fixture.Open();
        await stream.Watch("k", "l", start: 2);
        var events = await stream.Events(2499);
        Assert.Equal(Enumerable.Range(2, 2499).Select(i => $"{i} k{i % 7}={i}"), events);
        fixture.Put("k1", "live");
        Assert.Equal(["2501 k1=live"], await stream.Events(1));
        Assert.Equal(inRing, fixture.History.Reads == 0);
    }

    [Fact]
    public async Task Catch_up_replies_carry_the_current_revision_and_at_most_a_thousand_revisions()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        for (var i = 0; i < 2500; i++)
            fixture.Put("k", "v");

        var stream = fixture.Open();
        await stream.Watch("k", start: 2);
        for (var seen = 0; seen < 2500;)
        {
            var reply = await stream.Next();
            Assert.Equal(2501, reply.Header.Revision);
            Assert.InRange(reply.Events.Count, 1, 1000);
            seen += reply.Events.Count;
        }
    }

    [Fact]
    public async Task Events_of_one_transaction_stay_in_one_reply()
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { RingBytes = 1, ReplyBytes = 10, PageEvents = 2 });
        var live = fixture.Open();
        await live.Watch("k", "l");
        fixture.Write([.. Enumerable.Range(0, 50).Select(i => ($"k{i}", (string?)new string('x', 100)))]);
        fixture.Put("k", "next");
        var late = fixture.Open();
        await late.Watch("k", "l", start: 2);
        foreach (var stream in new[] { live, late })
        {
            Assert.Equal(50, (await stream.Next()).Events.Count);
            Assert.Equal(["3 k=next"], await stream.Events(1));
        }
    }

    [Fact]
    public async Task Live_replies_carry_the_revision_of_their_last_event()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("a");
        fixture.Put("b", "1");
        fixture.Put("a", "2");
        Assert.Equal(3, (await stream.Next()).Header.Revision);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Filters_leave_out_puts_or_deletes(long start)
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        var stream = fixture.Open();
        if (start != 0)
            Write();

        await stream.Create("a", start: start, more: c => c.Filters.Add(WatchCreateRequest.Types.FilterType.Noput));
        await stream.Create("a", start: start, more: c => c.Filters.Add(WatchCreateRequest.Types.FilterType.Nodelete));
        await stream.Create("a", start: start, more: c => c.Filters.Add([WatchCreateRequest.Types.FilterType.Noput, WatchCreateRequest.Types.FilterType.Nodelete]));
        await stream.Create("a", start: start, more: c => c.Filters.Add((WatchCreateRequest.Types.FilterType)77));
        if (start == 0)
            Write();

        var seen = new List<string>();
        while (seen.Count < 6)
        {
            var reply = await stream.Next();
            seen.AddRange(reply.Events.Select(e => $"{reply.WatchId}: {TestStream.Text(e)}"));
        }

        Assert.Equal(["0: 3 -a", "1: 2 a=1", "1: 4 a=2", "3: 2 a=1", "3: 3 -a", "3: 4 a=2"], seen.Order());
        Assert.True(await stream.IsQuiet());

        void Write()
        {
            fixture.Put("a", "1");
            fixture.Delete("a");
            fixture.Put("a", "2");
        }
    }

    [Fact]
    public async Task Filtered_and_foreign_events_do_not_stop_a_long_catch_up()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        for (var i = 0; i < 3000; i++)
            fixture.Put("other", "x");

        fixture.Put("a", "1");
        var stream = fixture.Open();
        await stream.Watch("a", start: 2);
        Assert.Equal(["3002 a=1"], await stream.Events(1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Previous_pairs_come_with_those_that_asked_for_them(long start)
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        var with = fixture.Open();
        var without = fixture.Open();
        if (start != 0)
            Write();

        await with.Watch("a", "b", start, c => c.PrevKv = true);
        await without.Watch("a", "b", start);
        if (start == 0)
            Write();

        var previous = new List<string>();
        while (previous.Count < 4)
            previous.AddRange((await with.Next()).Events.Select(e => e.PrevKv is null ? "none" : $"{e.PrevKv.ModRevision} {e.PrevKv.Version} {e.PrevKv.Value.ToStringUtf8()}"));

        Assert.Equal(["none", "2 1 1", "3 2 2", "none"], previous);
        for (var seen = 0; seen < 4;)
        {
            var reply = await without.Next();
            Assert.All(reply.Events, e => Assert.Null(e.PrevKv));
            seen += reply.Events.Count;
        }

        void Write()
        {
            fixture.Put("a", "1");
            fixture.Put("a", "2");
            fixture.Delete("a");
            fixture.Put("a", "3");
        }
    }

    [Fact]
    public async Task A_previous_pair_below_the_mark_is_left_out()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        fixture.Put("a", "1");
        fixture.Put("a", "2");
        fixture.Put("a", "3");
        fixture.Compact(3);
        var stream = fixture.Open();
        await stream.Watch("a", start: 3, more: c => c.PrevKv = true);
        var reply = await stream.Next();
        Assert.Equal(["", "2"], reply.Events.Select(e => e.PrevKv?.Value.ToStringUtf8() ?? ""));
    }

    [Fact]
    public async Task Slow_previous_pairs_hold_up_only_those_who_asked_and_keep_their_order()
    {
        await using var fixture = new WatchFixture();
        var gates = new Dictionary<long, TaskCompletionSource>();
        for (long revision = 3; revision <= 6; revision++)
            gates[revision] = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        fixture.History.BeforePairs = versions => gates[versions[0].Version.Mod + 1].Task;
        var with = fixture.Open();
        var without = fixture.Open();
        await with.Watch("a", more: c => c.PrevKv = true);
        await without.Watch("a");
        for (var i = 2; i <= 6; i++)
            fixture.Put("a", $"{i}");

        Assert.Equal(["2 a=2", "3 a=3", "4 a=4", "5 a=5", "6 a=6"], await without.Events(5));
        Assert.Equal(["2 a=2"], await with.Events(1));
        await with.AskProgress();
        gates[5].SetResult();
        gates[4].SetResult();
        Assert.True(await with.IsQuiet());
        gates[3].SetResult();
        Assert.Equal(["3 a=3", "4 a=4", "5 a=5"], await with.Events(3));
        Assert.True(await with.IsQuiet());
        gates[6].SetResult();
        Assert.Equal(["6 a=6"], await with.Events(1));
        var progress = await with.Next();
        Assert.Equal((-1, 6), (progress.WatchId, progress.Header.Revision));
    }

    [Fact]
    public async Task Failing_reads_are_told_and_tried_again()
    {
        int told = 0, failures = 0;
        var options = WatchFixture.NoRing with { OnHistoryFailure = _ => Interlocked.Increment(ref told), RetryDelay = TimeSpan.FromMilliseconds(1) };
        await using var fixture = new WatchFixture(options);
        fixture.Put("a", "1");
        fixture.Put("a", "2");
        fixture.History.BeforeRead = () => Interlocked.Increment(ref failures) <= 3 ? throw new IOException("store is away") : Task.CompletedTask;
        fixture.History.BeforePairs = _ => Interlocked.Increment(ref failures) <= 6 ? throw new IOException("store is away") : Task.CompletedTask;
        var stream = fixture.Open();
        await stream.Watch("a", start: 2, more: c => c.PrevKv = true);
        Assert.Equal(["2 a=1", "3 a=2"], await stream.Events(2));
        Assert.InRange(told, 5, 6);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fragments_split_a_large_reply_between_events(bool asked)
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { FragmentBytes = 1000 });
        var stream = fixture.Open();
        await stream.Watch("k", "l", more: c => c.Fragment = asked);
        fixture.Write([.. Enumerable.Range(0, 10).Select(i => ($"k{i}", (string?)new string('x', 300)))]);
        var replies = new List<WatchResponse>();
        while (replies.Sum(r => r.Events.Count) < 10)
            replies.Add(await stream.Next());

        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"k{i}"), replies.SelectMany(r => r.Events).Select(e => e.Kv.Key.ToStringUtf8()));
        if (asked)
        {
            Assert.Equal(4, replies.Count);
            Assert.All(replies, r => Assert.InRange(r.CalculateSize(), 0, 999));
            Assert.Equal([true, true, true, false], replies.Select(r => r.Fragment));
        }
        else
        {
            Assert.False(Assert.Single(replies).Fragment);
        }

        fixture.Put("k", "next");
        Assert.False((await stream.Next()).Fragment);
    }

    [Fact]
    public async Task A_single_event_larger_than_a_fragment_goes_out_whole()
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { FragmentBytes = 1000 });
        var stream = fixture.Open();
        await stream.Watch("k", "l", more: c => c.Fragment = true);
        fixture.Write(("k1", new string('x', 5000)), ("k2", new string('y', 20_000)));
        Assert.Equal((true, 1), ((await stream.Next()) is { } first ? (first.Fragment, first.Events.Count) : default));
        Assert.Equal((false, 1), ((await stream.Next()) is { } second ? (second.Fragment, second.Events.Count) : default));
    }

    [Fact]
    public async Task Every_range_gets_its_events_and_no_others()
    {
        await using var fixture = new WatchFixture();
        var random = Draw.From(7);
        string[] keys = [.. Enumerable.Range(0, 200).Select(_ => Key()).Distinct()];
        var watches = new List<(string Start, string End, TestStream Stream, WatchCreateRequest Request)>();
        var stream = fixture.Open();
        var ranges = new Dictionary<long, (string Start, string End)>();
        for (var i = 1; i <= 400; i++)
        {
            var start = Key();
            var end = random.Next(4) switch { 0 => "", 1 => "\0", _ => Key() };
            var created = await stream.Watch(start, end, more: c => c.WatchId = i);
            if (!created.Canceled)
                ranges.Add(i, (start, end));

            if (i % 3 == 0 && ranges.Remove(i / 2))
            {
                await stream.Cancel(i / 2);
                Assert.True((await stream.Next()).Canceled);
            }
        }

        var expected = new List<string>();
        foreach (var key in keys)
        {
            fixture.Put(key, "v");
            expected.AddRange(ranges.Where(r => Holds(r.Value.Start, r.Value.End, key)).Select(r => $"{r.Key} {key}"));
        }

        var seen = new List<string>();
        while (seen.Count < expected.Count)
        {
            var reply = await stream.Next();
            seen.AddRange(reply.Events.Select(e => $"{reply.WatchId} {e.Kv.Key.ToStringUtf8()}"));
        }

        Assert.Equal(expected.Order(), seen.Order());
        Assert.True(await stream.IsQuiet());

        string Key() => new([.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (char)random.Next('a', 'e'))]);

        static bool Holds(string start, string end, string key) => end switch
        {
            "" => key == start,
            "\0" => string.CompareOrdinal(key, start) >= 0,
            _ => string.CompareOrdinal(key, start) >= 0 && string.CompareOrdinal(key, end) < 0,
        };
    }
}
