using System.Globalization;
using System.Text.RegularExpressions;

namespace Kine.Tests.Metrics;

/// <summary>One line of Prometheus' text format.</summary>
/// <param name="Name">With its suffix.</param>
/// <param name="Labels">The values by name.</param>
/// <param name="Value">NaN and infinities included.</param>
internal sealed partial record MetricSample(string Name, IReadOnlyDictionary<string, string> Labels, double Value)
{
    /// <summary>The names of the labels in alphabetical order, joined by commas; without le, which each bucket has.</summary>
    public string LabelNames => string.Join(',', Labels.Keys.Where(l => l != "le").Order(StringComparer.Ordinal));

    /// <summary>All samples of a page.</summary>
    public static List<MetricSample> Parse(string page) =>
        [.. page.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#').Select(Line)];

    /// <summary>The types by metric name.</summary>
    public static Dictionary<string, string> Types(string page) => page.Split('\n')
        .Where(line => line.StartsWith("# TYPE ", StringComparison.Ordinal))
        .Select(line => line.Split(' '))
        .ToDictionary(words => words[2], words => words[3], StringComparer.Ordinal);

    private static MetricSample Line(string line)
    {
        var match = Sample().Match(line);
        Assert.True(match.Success, line);
        var labels = Label().Matches(match.Groups["labels"].Value).ToDictionary(l => l.Groups[1].Value, l => l.Groups[2].Value, StringComparer.Ordinal);
        var value = match.Groups["value"].Value;
        return new MetricSample(
            match.Groups["name"].Value,
            labels,
            value switch
            {
                "+Inf" => double.PositiveInfinity,
                "-Inf" => double.NegativeInfinity,
                _ => double.Parse(value, CultureInfo.InvariantCulture),
            });
    }

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>.*)\})? (?<value>\S+)$""")]
    private static partial Regex Sample();

    [GeneratedRegex("(\\w+)=\"((?:[^\"\\\\]|\\\\.)*)\"")]
    private static partial Regex Label();
}
