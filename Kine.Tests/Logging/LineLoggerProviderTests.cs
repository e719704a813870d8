using Kine.Host.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Kine.Tests.Logging;

/// <summary>What the log leaves out.</summary>
public sealed class LineLoggerProviderTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly StringWriter _error = new();

    private string[] Lines => _error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_warning_that_comes_again_and_again_is_written_once_a_minute_with_the_number_left_out(bool json)
    {
        var log = Log(json);
        for (var second = 0; second < 125; second++)
        {
            log.LogWarning(new IOException("disk full"), "An append did not happen");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Collection(
            Lines,
            line => Assert.DoesNotContain("more since", line),
            line => Assert.Contains("An append did not happen (59 more since the last such line)", line),
            line => Assert.Contains("(59 more since the last such line)", line));
    }

    [Fact]
    public void Different_reasons_and_what_is_no_warning_are_all_written()
    {
        var log = Log(json: false);
        for (var i = 0; i < 3; i++)
        {
            log.LogError(new IOException($"reason {i}"), "failed");
            log.LogWarning("The store cannot be loaded: {Reason}", i);
            log.LogInformation("the same");
        }

        Assert.Equal(9, Lines.Length);
    }

    [Fact]
    public void Endlessly_many_texts_take_bounded_memory_and_are_all_written()
    {
        var log = Log(json: false);
        for (var i = 0; i < 2500; i++)
            log.LogWarning("number {Number}", i);

        log.LogWarning("number {Number}", 2499);
        Assert.Equal(2500, Lines.Length);
    }

    private ILogger Log(bool json) => new LineLoggerProvider(json, TextWriter.Null, _error, _time).CreateLogger("test");
}
