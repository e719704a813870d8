using Kine.Etcd;
using Kine.Grains;
using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>Created and cancelled replies, ids, ranges and errors, as etcd 3.5 answers them.</summary>
public sealed class WatchLifecycleTests
{
    private const string Compacted = "etcdserver: mvcc: required revision has been compacted";

    [Fact]
    public async Task Created_reply_has_the_header_of_the_member_and_the_current_revision()
    {
        await using var fixture = new WatchFixture();
        fixture.Put("a", "1");
        var stream = fixture.Open();
        var created = await stream.Watch("a");
        Assert.Equal(new WatchResponse { Header = new ResponseHeader { ClusterId = 11, MemberId = 12, Revision = 2, RaftTerm = 13 }, Created = true }, created);
    }

    [Fact]
    public async Task Server_picks_the_next_unused_id_and_keeps_those_of_clients()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        Assert.Equal(0, (await stream.Watch("a")).WatchId);
        Assert.Equal(1, (await stream.Watch("a", more: c => c.WatchId = 1)).WatchId);
        Assert.Equal(7, (await stream.Watch("a", more: c => c.WatchId = 7)).WatchId);
        Assert.Equal(2, (await stream.Watch("a")).WatchId);
        await stream.Cancel(2);
        Assert.True((await stream.Next()).Canceled);
        Assert.Equal(3, (await stream.Watch("a")).WatchId);
        Assert.Equal(2, (await stream.Watch("a", more: c => c.WatchId = 2)).WatchId);
    }

    [Theory]
    [InlineData("a", "", 0, 5L, "mvcc: duplicate watch ID provided on the WatchStream")]
    [InlineData("b", "a", 0, 0L, "mvcc: watcher range is empty")]
    [InlineData("b", "b", 0, 5L, "mvcc: watcher range is empty")]
    [InlineData("a", "", -1, 0L, Compacted)]
    [InlineData("b", "a", -2, 5L, Compacted)]
    public async Task A_watch_that_cannot_begin_gets_one_reply_created_and_cancelled(string key, string end, long start, long id, string reason)
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("x", more: c => c.WatchId = 5);
        var reply = await stream.Watch(key, end, start, c => c.WatchId = id);
        Assert.True(reply.Canceled);
        Assert.Equal(-1, reply.WatchId);
        Assert.Equal(reason, reply.CancelReason);
        Assert.Equal(0, reply.CompactRevision);
        Assert.Equal(1, reply.Header.Revision);
        Assert.Equal(1, fixture.Hub.WatcherCount);
    }

    [Fact]
    public async Task Cancel_is_answered_once_and_ends_the_events()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Watch("a");
        fixture.Put("a", "1");
        Assert.Equal(["2 a=1"], await stream.Events(1));
        await stream.Cancel(0);
        var cancelled = await stream.Next();
        Assert.Equal((true, false, 0, 2, "", 0), (cancelled.Canceled, cancelled.Created, cancelled.WatchId, cancelled.Header.Revision, cancelled.CancelReason, cancelled.CompactRevision));
        await stream.Cancel(0);
        await stream.Cancel(99);
        fixture.Put("a", "2");
        Assert.True(await stream.IsQuiet());
    }

    [Fact]
    public async Task An_empty_key_is_the_smallest_key_and_a_zero_end_has_no_end()
    {
        await using var fixture = new WatchFixture();
        var everything = fixture.Open();
        var from = fixture.Open();
        var smallest = fixture.Open();
        await everything.Watch("", "\0");
        await from.Watch("b", "\0");
        await smallest.Watch("");
        fixture.Put("a", "1");
        fixture.Put("b", "2");
        fixture.Put("\0", "3");
        Assert.Equal(["2 a=1", "3 b=2", "4 \0=3"], await everything.Events(3));
        Assert.Equal(["3 b=2"], await from.Events(1));
        Assert.Equal(["4 \0=3"], await smallest.Events(1));
    }

    [Fact]
    public async Task A_start_below_the_mark_is_created_and_then_cancelled_with_the_mark_alone()
    {
        await using var fixture = new WatchFixture();
        for (var i = 0; i < 5; i++)
            fixture.Put("a", $"{i}");

        fixture.Compact(4);
        var stream = fixture.Open();
        var created = await stream.Watch("a", start: 3, more: c => c.WatchId = 9);
        Assert.False(created.Canceled);
        var cancelled = await stream.Next();
        var identity = new ResponseHeader { ClusterId = 11, MemberId = 12, RaftTerm = 13 };
        Assert.Equal(new WatchResponse { Header = identity, WatchId = 9, Canceled = true, CompactRevision = 4 }, cancelled);

        // The id stays taken until the client cancels it as well.
        Assert.Equal(-1, (await stream.Watch("a", more: c => c.WatchId = 9)).WatchId);
        await stream.Cancel(9);
        Assert.True((await stream.Next()).Canceled);
        Assert.Equal(9, (await stream.Watch("a", more: c => c.WatchId = 9)).WatchId);
    }

    [Fact]
    public async Task A_start_at_the_mark_replays_what_survived_there_a_tombstone_included()
    {
        await using var fixture = new WatchFixture(WatchFixture.NoRing);
        fixture.Put("a", "1");
        fixture.Put("a", "2");
        fixture.Delete("a");
        fixture.Put("b", "3");
        fixture.Compact(4);
        var stream = fixture.Open();
        await stream.Watch("a", "z", start: 4);
        Assert.Equal(["4 -a", "5 b=3"], await stream.Events(2));
    }

    [Fact]
    public async Task A_future_start_waits_for_its_revision()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        Assert.Equal(1, (await stream.Watch("a", start: 4)).Header.Revision);
        fixture.Put("a", "1");
        fixture.Put("a", "2");
        Assert.True(await stream.IsQuiet());
        fixture.Put("a", "3");
        Assert.Equal(["4 a=3"], await stream.Events(1));
    }

    [Fact]
    public async Task An_unknown_request_is_ignored()
    {
        await using var fixture = new WatchFixture();
        var stream = fixture.Open();
        await stream.Send(new WatchRequest());
        Assert.Equal(0, (await stream.Watch("a")).WatchId);
    }

    [Fact]
    public async Task Stopping_ends_every_stream_with_the_error_given()
    {
        await using var fixture = new WatchFixture();
        var idle = fixture.Open();
        await idle.Watch("a");
        var wait = fixture.Hub.WaitForRevision(99, default);
        fixture.Hub.Stop(EtcdErrors.LeaderChanged);
        var error = await Assert.ThrowsAsync<EtcdException>(() => idle.Reading);
        Assert.Equal((StatusCode.Unavailable, "etcdserver: leader changed"), (error.Code, error.Message));
        await Assert.ThrowsAsync<EtcdException>(() => wait);
        Assert.Throws<EtcdException>(fixture.Hub.OpenStream);
    }

    [Fact]
    public async Task Revision_waits_end_when_it_is_reached_or_when_they_are_cancelled()
    {
        await using var fixture = new WatchFixture();
        using var cancel = new CancellationTokenSource();
        var two = fixture.Hub.WaitForRevision(2, default);
        var three = fixture.Hub.WaitForRevision(3, cancel.Token);
        fixture.Put("a", "1");
        await two.WaitAsync(Wait.Limit);
        await fixture.Hub.WaitForRevision(2, default);
        Assert.False(three.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => three);
    }

    [Fact]
    public async Task A_client_that_asks_without_reading_is_made_to_wait()
    {
        await using var fixture = new WatchFixture(new WatchHubOptions { ControlReplies = 8 });
        var gate = new TaskCompletionSource();
        var stream = fixture.Open(() => gate.Task);
        var asking = Task.CompletedTask;
        var asked = 0;
        for (; asked < 100 && asking.IsCompleted; asked++)
            asking = stream.Create("a");

        Assert.InRange(asked, 8, 10);
        gate.SetResult();
        await asking.WaitAsync(Wait.Limit);
        for (var i = 0; i < asked; i++)
            Assert.Equal(i, (await stream.Next()).WatchId);
    }
}
