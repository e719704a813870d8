using System.Globalization;
using System.Text;

namespace Kine.Backends.Endpoints;

/// <summary>Durations as Go writes them: <c>1m30s</c>, <c>500ms</c>, <c>1.5h</c>, <c>-2s</c>, and <c>0</c> without a unit.</summary>
public static class GoDuration
{
    // Longer units before those that they begin with: "ms" before "m".
    private static readonly (string Unit, decimal Ticks)[] Units =
    [
        ("ns", 0.01m), ("us", 10m), ("µs", 10m), ("μs", 10m), ("ms", TimeSpan.TicksPerMillisecond),
        ("s", TimeSpan.TicksPerSecond), ("m", TimeSpan.TicksPerMinute), ("h", TimeSpan.TicksPerHour),
    ];

    /// <summary>Reads a duration; false when it is none, or too long for 64 bits of nanoseconds.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var rest = text.AsSpan();
        var negative = false;
        if (rest.Length != 0 && rest[0] is '-' or '+')
        {
            negative = rest[0] == '-';
            rest = rest[1..];
        }

        if (rest is "0")
            return true;

        if (rest.IsEmpty)
            return false;

        decimal ticks = 0;
        while (!rest.IsEmpty)
        {
            if (!TryTakeNumber(ref rest, out var number) || !TryTakeUnit(ref rest, out var unit))
                return false;

            ticks += number * unit;
            if (ticks > long.MaxValue / 100m) // Go counts nanoseconds in 64 bits
            {
                return false;
            }
        }

        duration = new TimeSpan((long)(negative ? -ticks : ticks));
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

    private static bool TryTakeNumber(ref ReadOnlySpan<char> rest, out decimal number)
    {
        var length = 0;
        while (length < rest.Length && (char.IsAsciiDigit(rest[length]) || rest[length] == '.'))
            length++;

        var digits = rest[..length];
        rest = rest[length..];
        number = 0;
        return digits.IndexOfAnyInRange('0', '9') >= 0
            && decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number)
            && number < long.MaxValue;
    }

    private static bool TryTakeUnit(ref ReadOnlySpan<char> rest, out decimal ticks)
    {
        foreach (var (unit, size) in Units)
        {
            if (!rest.StartsWith(unit, StringComparison.Ordinal))
                continue;

            rest = rest[unit.Length..];
            ticks = size;
            return true;
        }

        ticks = 0;
        return false;
    }
}
