using System.Globalization;

namespace Kine.Host.Bench;

/// <summary>Progress as plain lines, for output that is no terminal: one line a second, one row a round.</summary>
internal sealed class LineProgress(TextWriter output, TimeProvider time) : IBenchProgress
{
    private ITimer? _timer;

    public void RoundStarted(string target, string name, TimeSpan duration, long total, RoundResult result)
    {
        var second = 0;
        long before = 0;
        _timer = time.CreateTimer(
            _ =>
            {
                var now = result.Operations;
                var speed = now - Interlocked.Exchange(ref before, now);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"  {target} {name} {Interlocked.Increment(ref second)} s: {speed:N0} ops/s, {now:N0} in all, p99 {BenchText.Time(result.Latencies.Percentile(99))}"));
            },
            null,
            TimeSpan.FromSeconds(1),
            TimeSpan.FromSeconds(1));
    }

    public async Task RoundEnded()
    {
        if (_timer is not null)
        {
            await _timer.DisposeAsync();
        }
    }

    public void RoundDone(string target, int number, RoundResult result)
    {
        if (target == "A" && number == 1)
        {
            output.WriteLine(BenchText.Heading);
        }

        foreach (var row in BenchText.Rows($"{target} round {number}", result))
        {
            output.WriteLine(row);
        }
    }
}
