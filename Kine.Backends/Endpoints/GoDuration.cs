using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Kine.Backends.Endpoints;

/// <summary>Durations as Go writes them: <c>1m30s</c>, <c>500ms</c>, <c>1.5h</c>, <c>-2s</c>, and <c>0</c> without a unit.</summary>
public static partial class GoDuration
{
    private const decimal MostTicks = long.MaxValue / 100m; // Go counts nanoseconds in 64 bits

    /// <summary>Reads a duration; false when it is none, or too long for 64 bits of nanoseconds.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        if (text is "0" or "-0" or "+0")
            return true;

        var match = Pattern().Match(text);
        if (!match.Success)
            return false;

        decimal ticks = 0;
        foreach ((var number, var unit) in match.Groups["number"].Captures.Zip(match.Groups["unit"].Captures))
        {
            var size = TicksOf(unit.Value);
            if (!decimal.TryParse(number.ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count)
                || count > (MostTicks - ticks) / size)
            {
                return false;
            }
            ticks += count * size;
        }

        duration = new TimeSpan((long)(text[0] == '-' ? -ticks : ticks));
        return true;
    }

    /// <summary>Writes a duration as Go would read it, with whole units where there are some.</summary>
    public static string Format(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
            return "0s";

        var text = new StringBuilder(duration < TimeSpan.Zero ? "-" : string.Empty);
        duration = duration.Duration();
        if (duration < TimeSpan.FromSeconds(1))
            return text.Append(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.####}ms").ToString();

        if (duration.TotalHours >= 1)
            text.Append(CultureInfo.InvariantCulture, $"{(long)duration.TotalHours}h");

        if (duration.Minutes != 0)
            text.Append(CultureInfo.InvariantCulture, $"{duration.Minutes}m");

        var seconds = (decimal)(duration.Ticks % TimeSpan.TicksPerMinute) / TimeSpan.TicksPerSecond;
        if (seconds != 0)
            text.Append(CultureInfo.InvariantCulture, $"{seconds:0.#######}s");

        return text.ToString();
    }

    private static decimal TicksOf(string unit) => unit switch
    {
        "ns" => 0.01m,
        "us" or "µs" or "μs" => TimeSpan.TicksPerMicrosecond,
        "ms" => TimeSpan.TicksPerMillisecond,
        "s" => TimeSpan.TicksPerSecond,
        "m" => TimeSpan.TicksPerMinute,
        _ => TimeSpan.TicksPerHour,
    };

    // Longer units before those that they begin with: "ms" before "m".
    [GeneratedRegex(@"^[-+]?(?:(?<number>[0-9]+\.?[0-9]*|\.[0-9]+)(?<unit>ns|us|µs|μs|ms|s|m|h))+\z")]
    private static partial Regex Pattern();
}
