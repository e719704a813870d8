using Kine.Grains.Reads;
using Kine.Tests.Watch;

namespace Kine.Tests.Snapshots;

public sealed class CompactionPinTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);
    private readonly ManualTime _time = new();
    private readonly CompactionPins _pins = new();

    [Fact]
    public async Task Compaction_waits_as_long_as_a_long_read_moves_on()
    {
        var hold = _pins.Acquire(5);
        var waiting = _pins.WaitBelow(10, Limit, _time);
        for (var minute = 0; minute < 30; minute++)
        {
            _time.Advance(TimeSpan.FromMinutes(1));
            hold.Progress(_time);
            await Task.Delay(2);
            Assert.False(waiting.IsCompleted);
        }

        hold.Dispose();
        await waiting.WaitAsync(Wait.Limit);
    }

    [Fact]
    public async Task A_read_that_stands_still_loses_its_hold()
    {
        using var hold = _pins.Acquire(5);
        hold.Progress(_time);
        var waiting = _pins.WaitBelow(10, Limit, _time);
        _time.Advance(Limit - TimeSpan.FromSeconds(1));
        await Task.Delay(20);
        Assert.False(waiting.IsCompleted);

        for (var i = 0; i < 100 && !waiting.IsCompleted; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
        }

        await waiting.WaitAsync(Wait.Limit);
    }

    [Fact]
    public async Task Holds_at_and_above_the_revision_keep_nothing()
    {
        using var at = _pins.Acquire(10);
        using var above = _pins.Acquire(11);

        await _pins.WaitBelow(10, Limit, _time).WaitAsync(Wait.Limit);
    }

    [Fact]
    public async Task The_last_of_several_holds_frees_compaction()
    {
        var first = _pins.Acquire(5);
        var second = _pins.Acquire(5);
        var waiting = _pins.WaitBelow(10, Limit, _time);
        first.Dispose();
        first.Dispose();
        Assert.False(waiting.IsCompleted);
        second.Dispose();

        await waiting.WaitAsync(Wait.Limit);
    }
}
