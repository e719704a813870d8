using Kine.Host.Bench;

namespace Kine.Tests.Bench;

public sealed class LatencyHistogramTests
{
    [Fact]
    public void Small_values_are_exact()
    {
        var histogram = new LatencyHistogram();
        for (var value = 1; value <= 200; value++)
        {
            histogram.Record(value);
        }

        Assert.Equal(200, histogram.Count);
        Assert.Equal(100, histogram.Percentile(50));
        Assert.Equal(198, histogram.Percentile(99));
        Assert.Equal(200, histogram.Percentile(100));
        Assert.Equal(200, histogram.Max);
    }

    [Theory]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(1_000_000)]
    [InlineData(123_456_789)]
    [InlineData(9_876_543_210_123)]
    public void Any_value_is_found_again_within_one_percent(long value)
    {
        var histogram = new LatencyHistogram();
        histogram.Record(value);
        histogram.Record(value * 2);
        Assert.InRange(histogram.Percentile(50), value, value * 1.01);
    }

    [Fact]
    public void Percentiles_of_random_values_are_those_of_the_sorted_list()
    {
        var random = new Random(7);
        var histogram = new LatencyHistogram();
        var values = new List<long>();
        for (var index = 0; index < 20_000; index++)
        {
            var value = (long)Math.Exp(random.NextDouble() * 20);
            values.Add(value);
            histogram.Record(value);
        }

        values.Sort();
        foreach (var percent in new[] { 1.0, 25, 50, 90, 99, 99.9, 100 })
        {
            var exact = values[(int)Math.Ceiling(values.Count * percent / 100) - 1];
            Assert.InRange(histogram.Percentile(percent), exact, exact * 1.01);
        }
    }

    [Fact]
    public void Merging_is_like_recording_all_in_one()
    {
        var all = new LatencyHistogram();
        var left = new LatencyHistogram();
        var right = new LatencyHistogram();
        for (var value = 1L; value < 1_000_000_000; value *= 3)
        {
            all.Record(value);
            (value % 2 == 0 ? left : right).Record(value);
        }

        left.Add(right);
        Assert.Equal(all.Count, left.Count);
        Assert.Equal(all.Max, left.Max);
        Assert.Equal(all.Percentile(50), left.Percentile(50));
        Assert.Equal(all.Percentile(99), left.Percentile(99));
    }

    [Fact]
    public void Values_out_of_bounds_count_and_an_empty_one_says_zero()
    {
        var histogram = new LatencyHistogram();
        Assert.Equal(0, histogram.Percentile(99));
        histogram.Record(-5);
        histogram.Record(long.MaxValue);
        Assert.Equal(2, histogram.Count);
        Assert.Equal(0, histogram.Percentile(50));
        Assert.InRange(histogram.Percentile(100), 1L << 43, 1L << 45);
    }
}
