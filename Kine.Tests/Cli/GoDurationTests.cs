using Kine.Backends.Endpoints;
using Xunit;

namespace Kine.Tests.Cli;

public sealed class GoDurationTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("0s", 0)]
    [InlineData("1m30s", 90_000)]
    [InlineData("500ms", 500)]
    [InlineData("1.5h", 5_400_000)]
    [InlineData(".5s", 500)]
    [InlineData("2m0s", 120_000)]
    [InlineData("1h2m3s4ms", 3_723_004)]
    [InlineData("-2s", -2000)]
    [InlineData("+2s", 2000)]
    [InlineData("3000us", 3)]
    [InlineData("3000µs", 3)]
    [InlineData("3000000ns", 3)]
    public void Durations_are_read_as_go_reads_them(string text, double milliseconds)
    {
        Assert.True(GoDuration.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("s")]
    [InlineData("1x")]
    [InlineData("1 s")]
    [InlineData("1m30")]
    [InlineData(".s")]
    [InlineData("--1s")]
    [InlineData("99999999999999999999999h")]
    [InlineData("9999999h")]
    [InlineData("1d")]
    public void Other_texts_are_refused(string text) => Assert.False(GoDuration.TryParse(text, out _));

    [Theory]
    [InlineData("0s")]
    [InlineData("3s")]
    [InlineData("1m30s")]
    [InlineData("2m")]
    [InlineData("1h1.5s")]
    [InlineData("100ms")]
    [InlineData("-5s")]
    public void A_written_duration_reads_as_the_same(string text)
    {
        Assert.True(GoDuration.TryParse(text, out var duration));
        Assert.Equal(text, GoDuration.Format(duration));
    }
}
