using Kine.Backends;
using Kine.Grains.Values;

namespace Kine.Tests.Index;

public sealed class ValueCacheTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(10_000)]
    [InlineData(4 << 20)]
    [InlineData(64 << 20)]
    public void It_never_holds_more_than_its_bound(long bound)
    {
        var cache = new ValueCache(bound);
        var random = Draw.From(1);
        for (var i = 0; i < 60_000; i++)
        {
            cache.Add(new RecordId(i, 0), new byte[random.Next(1, 3000)]);
            if (i % 1000 == 0)
                Assert.InRange(cache.Bytes, 0, bound);
        }

        Assert.InRange(cache.Bytes, bound * 7 / 10, bound);
    }

    [Fact]
    public void A_scan_over_cold_values_leaves_hot_ones_in_place()
    {
        var cache = new ValueCache(4 << 20);
        for (var i = 0; i < 1000; i++)
            cache.Add(new RecordId(i, 0), new byte[500]);

        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 1000; i++)
                cache.TryGet(new RecordId(i, 0), out _);
        }

        for (var i = 10_000; i < 200_000; i++)
            cache.Add(new RecordId(i, 0), new byte[500]);

        Assert.Equal(1000, Enumerable.Range(0, 1000).Count(i => cache.TryGet(new RecordId(i, 0), out _)));
    }

    [Fact]
    public void What_is_read_no_more_makes_room_in_the_end()
    {
        var cache = new ValueCache(4 << 20);
        for (var phase = 0; phase < 5; phase++)
        {
            for (var round = 0; round < 4; round++)
            {
                for (var i = 0; i < 4000; i++)
                {
                    var id = new RecordId(phase * 10_000 + i, 3);
                    if (!cache.TryGet(id, out _))
                        cache.Add(id, new byte[500]);
                }
            }
        }

        var kept = Enumerable.Range(0, 4000).Count(i => cache.TryGet(new RecordId(40_000 + i, 3), out _));
        Assert.InRange(kept, 3000, 4000);
    }

    [Fact]
    public void Records_of_one_revision_are_told_apart_and_removed_one_by_one()
    {
        var cache = new ValueCache(64 << 20);
        for (var i = 0; i < 5000; i++)
            cache.Add(new RecordId(7, i), BitConverter.GetBytes(i));

        for (var i = 0; i < 5000; i += 2)
            cache.Remove(new RecordId(7, i));

        Assert.Equal(2500, cache.Count);
        for (var i = 0; i < 5000; i++)
        {
            Assert.Equal(i % 2 == 1, cache.TryGet(new RecordId(7, i), out var value));
            if (i % 2 == 1)
                Assert.Equal(i, BitConverter.ToInt32(value.Span));
        }

        for (var i = 1; i < 5000; i += 2)
            cache.Remove(new RecordId(7, i));

        Assert.Equal(0, cache.Bytes);
    }

    [Fact]
    public void A_part_of_a_larger_array_does_not_keep_the_rest_alive()
    {
        var cache = new ValueCache(64 << 20);
        var large = AddPart(cache);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.False(large.IsAlive);
        Assert.True(cache.TryGet(new RecordId(1, 0), out var value));
        Assert.Equal(10, value.Length);
    }

    [Fact]
    public void A_value_that_is_too_large_is_not_kept()
    {
        var cache = new ValueCache(128 << 20);
        cache.Add(new RecordId(1, 0), new byte[2 << 20]);
        cache.Add(new RecordId(2, 0), new byte[500_000]);

        Assert.False(cache.TryGet(new RecordId(1, 0), out _));
        Assert.True(cache.TryGet(new RecordId(2, 0), out _));
    }

    [Fact]
    public void Threads_get_the_bytes_of_the_record_they_asked_for()
    {
        var cache = new ValueCache(3 << 20);
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, worker =>
        {
            var random = Draw.From(worker);
            for (var i = 0; i < 100_000; i++)
            {
                var number = (int)(20_000 * Math.Pow(random.NextDouble(), 3));
                var id = new RecordId(number, number % 3);
                if (cache.TryGet(id, out var value))
                    Assert.Equal(number, BitConverter.ToInt32(value.Span));
                else
                    cache.Add(id, BitConverter.GetBytes(number).Concat(new byte[number % 500]).ToArray());

                if (random.Next(50) == 0)
                    cache.Remove(id);
            }
        });
        Assert.InRange(cache.Bytes, 1, 3 << 20);
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static WeakReference AddPart(ValueCache cache)
    {
        var large = new byte[100_000];
        cache.Add(new RecordId(1, 0), large.AsMemory(50, 10));
        return new WeakReference(large);
    }
}
