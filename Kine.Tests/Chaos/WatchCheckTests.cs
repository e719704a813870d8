namespace Kine.Tests.Chaos;

/// <summary>What a watch may tell of a log of four revisions, the third of them outside its range.</summary>
public sealed class WatchCheckTests
{
    private static readonly LogEntry[] Log =
    [
        new(2, [new Write("/a", "1")]),
        new(3, [new Write("/a", "2"), new Write("/b", "2")]),
        new(4, [new Write("other", "3")]),
        new(5, [new Write("/a", null)]),
    ];

    [Fact]
    public void Everything_once_in_order_is_accepted() => Found([(2, 0), (3, 0), (3, 1), (5, 0)]);

    [Fact]
    public void A_watch_that_was_ended_early_need_not_tell_the_rest() => Found([(2, 0)], until: 2);

    [Fact]
    public void A_watch_tells_nothing_from_before_its_start() => Found([(2, 0), (3, 0), (3, 1), (5, 0)], [Fault.WatchInvented], start: 3);

    [Fact]
    public void A_revision_that_was_left_out_is_a_gap() => Found([(2, 0), (5, 0)], [Fault.WatchGap, Fault.WatchGap]);

    [Fact]
    public void A_part_of_a_revision_that_was_left_out_is_a_gap() => Found([(2, 0), (3, 0), (5, 0)], [Fault.WatchGap]);

    [Fact]
    public void An_end_that_did_not_come_is_a_gap() => Found([(2, 0), (3, 0), (3, 1)], [Fault.WatchGap]);

    [Fact]
    public void What_comes_again_is_a_duplicate() => Found([(2, 0), (3, 0), (3, 1), (3, 0), (3, 1), (5, 0)], [Fault.WatchDuplicate, Fault.WatchDuplicate]);

    [Fact]
    public void What_comes_after_something_later_is_out_of_order() => Found([(2, 0), (5, 0), (3, 0), (3, 1)], [Fault.WatchOrder]);

    [Fact]
    public void What_the_log_does_not_have_is_invented()
    {
        var watch = new WatchLog("watch", "/", "0", 2);
        watch.Add(2, new Write("/a", "never"), 0);
        Assert.Equal([Fault.WatchInvented, Fault.WatchGap], WatchCheck.Of(watch, Log).Select(violation => violation.Fault));
    }

    [Fact]
    public void After_a_notification_nothing_comes_that_it_covers()
    {
        var watch = new WatchLog("watch", "/", "0", 2);
        watch.Add(2, Log[0].Changes[0], 0);
        watch.AddProgress(2, 0);
        watch.Add(3, Log[1].Changes[0], 0);
        Assert.Empty(WatchCheck.Of(watch, Log[..1].Append(new LogEntry(3, Log[1].Changes[..1]))));
        watch.AddProgress(4, 0);
        watch.Add(3, Log[1].Changes[1], 0);
        Assert.Equal([Fault.WatchProgress], WatchCheck.Of(watch, Log).Select(violation => violation.Fault));
    }

    private static void Found((long Revision, int Change)[] told, Fault[]? faults = null, long start = 2, long until = 5)
    {
        var watch = new WatchLog("watch", "/", "0", start) { Until = until };
        foreach (var (revision, change) in told)
            watch.Add(revision, Log.Single(entry => entry.Revision == revision).Changes[change], 0);

        Assert.Equal(faults ?? [], WatchCheck.Of(watch, Log).Select(violation => violation.Fault));
    }
}
