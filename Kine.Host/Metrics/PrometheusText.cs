using System.Globalization;
using System.Text;

namespace Kine.Host.Metrics;

/// <summary>Writes Prometheus' text format, version 0.0.4.</summary>
internal sealed class PrometheusText
{
    /// <summary>Content type of the format.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>Begins a metric; its samples follow.</summary>
    /// <param name="name">Valid Prometheus name.</param>
    /// <param name="type">counter, gauge or histogram.</param>
    /// <param name="help">One line.</param>
    public void Metric(string name, string type, string help)
    {
        _text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", "\\\\").Replace("\n", "\\n")).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
    }

    /// <summary>A metric that has one sample without labels.</summary>
    public void Single(string name, string type, string help, double value)
    {
        Metric(name, type, help);
        Sample(name, string.Empty, value);
    }

    /// <summary>One sample; labels come from <see cref="Label"/>, joined with commas.</summary>
    public void Sample(string name, string labels, double value)
    {
        _text.Append(name);
        if (labels.Length != 0)
        {
            _text.Append('{').Append(labels).Append('}');
        }

        _text.Append(' ').Append(Number(value)).Append('\n');
    }

    /// <summary>The samples of one histogram series.</summary>
    /// <param name="name">Name without suffix.</param>
    /// <param name="labels">Labels of the series.</param>
    /// <param name="bounds">Upper bounds, ascending.</param>
    /// <param name="bucket">Observations in each bucket, not cumulative; one more than bounds.</param>
    /// <param name="sum">Sum of all observations.</param>
    public void Histogram(string name, string labels, IReadOnlyList<double> bounds, Func<int, long> bucket, double sum)
    {
        var comma = labels.Length == 0 ? string.Empty : ",";
        long count = 0;
        for (var i = 0; i <= bounds.Count; i++)
        {
            count += bucket(i);
            Sample($"{name}_bucket", labels + comma + Label("le", i < bounds.Count ? Number(bounds[i]) : "+Inf"), count);
        }

        Sample($"{name}_sum", labels, sum);
        Sample($"{name}_count", labels, count);
    }

    /// <summary>One label with its value escaped.</summary>
    public static string Label(string name, string value) =>
        $"{name}=\"{value.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\n", "\\n")}\"";

    /// <summary>A valid Prometheus name out of an instrument's: other characters become underscores.</summary>
    public static string Name(string name)
    {
        var valid = new StringBuilder(name);
        for (var i = 0; i < valid.Length; i++)
        {
            if (!char.IsAsciiLetterOrDigit(valid[i]) && valid[i] != ':')
            {
                valid[i] = '_';
            }
        }

        return valid.ToString();
    }

    public override string ToString() => _text.ToString();

    private static string Number(double value) => double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : value.ToString("R", CultureInfo.InvariantCulture);
}
