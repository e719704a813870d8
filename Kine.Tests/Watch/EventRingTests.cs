using Kine.Grains.Watch;
using Xunit;

namespace Kine.Tests.Watch;

/// <summary>The ring of recent events: what it covers, and that it gives whole revisions only.</summary>
public sealed class EventRingTests
{
    private readonly FakeHistory _history = new();

    [Fact]
    public void It_covers_nothing_at_first_and_then_what_was_loaded()
    {
        var ring = new EventRing(1 << 20, 100);
        Assert.False(ring.TryRead(1, 10, 1000, [], out _));
        ring.Load(5, 9, []);
        Assert.Equal((5, 9), (ring.First, ring.Last));
        Assert.True(ring.TryRead(5, 10, 1000, [], out var through));
        Assert.Equal(9, through);
        Assert.False(ring.TryRead(4, 10, 1000, [], out _));
        Assert.False(ring.TryRead(10, 10, 1000, [], out _));
    }

    [Fact]
    public void The_oldest_revisions_leave_whole_when_it_is_full()
    {
        var ring = new EventRing(1 << 20, 5);
        ring.Load(2, 1, []);
        for (var i = 0; i < 5; i++)
        {
            ring.Append(_history.Write(("a", "1"), ("b", "2")).Events, 0, 2 + i);
            Assert.InRange(ring.Count, 2, 4);
        }

        Assert.Equal((5, 6, 4), (ring.First, ring.Last, ring.Count));
        var read = new List<KeyEvent>();
        Assert.True(ring.TryRead(5, 100, 1 << 20, read, out _));
        Assert.Equal([5, 5, 6, 6], read.Select(e => e.Revision));
    }

    [Fact]
    public void A_transaction_larger_than_the_ring_leaves_it_empty_and_bounded()
    {
        var ring = new EventRing(10_000, 1000);
        ring.Load(2, 1, []);
        ring.Append(_history.Write([.. Enumerable.Range(0, 500).Select(i => ($"k{i}", (string?)"v"))]).Events, 0, 2);
        Assert.True(ring.Bytes <= 10_000);
        Assert.Equal((3, 2), (ring.First, ring.Last));
        Assert.False(ring.TryRead(2, 10, 10, [], out _));
        ring.Append(_history.Put("a", "1").Events, 0, 3);
        var read = new List<KeyEvent>();
        Assert.True(ring.TryRead(3, 10, 1000, read, out var through));
        Assert.Equal((1, 3), (read.Count, through));
    }

    [Fact]
    public void A_page_ends_between_revisions_and_says_how_far_it_reaches()
    {
        var ring = new EventRing(1 << 20, 1000);
        ring.Load(2, 1, []);
        for (var i = 0; i < 10; i++)
            ring.Append(_history.Write(("a", "1"), ("b", "2"), ("c", "3")).Events, 0, 2 + i);

        var read = new List<KeyEvent>();
        Assert.True(ring.TryRead(3, 4, 1 << 20, read, out var through));
        Assert.Equal((6, 4), (read.Count, through));
        read.Clear();
        Assert.True(ring.TryRead(3, 100, 1, read, out through));
        Assert.Equal((3, 3), (read.Count, through));
    }
}
