using System.Diagnostics.Metrics;

namespace Kine.Host.Metrics;

/// <summary>The values of one instrument, one series for each set of tags.</summary>
internal sealed class InstrumentValues
{
    private const int MaxSeries = 1000; // sets of tags beyond that are dropped: a tag with free values is a mistake

    private readonly Instrument _instrument;
    private readonly Kind _kind;
    private readonly string _name;
    private readonly double[] _bounds;
    private readonly Lock _lock = new(); // guards adding a series
    private Series[] _series = [];

    public InstrumentValues(Instrument instrument)
    {
        _instrument = instrument;
        var type = instrument.GetType();
        var name = type.IsGenericType ? type.Name[..type.Name.IndexOf('`')] : type.Name;
        _kind = name switch
        {
            "Counter" => Kind.Counter,
            "ObservableCounter" => Kind.ObservedCounter,
            "UpDownCounter" => Kind.UpDownCounter,
            "Histogram" => Kind.Histogram,
            _ => Kind.Gauge,
        };
        _name = FullName(instrument, _kind);
        _bounds = _kind == Kind.Histogram ? Bounds(instrument) : [];
    }

    private enum Kind
    {
        Counter,
        ObservedCounter,
        UpDownCounter,
        Gauge,
        Histogram,
    }

    /// <summary>Takes a measurement.</summary>
    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (Find(tags) is not { } series)
        {
            return;
        }

        lock (series)
        {
            switch (_kind)
            {
                case Kind.Counter or Kind.UpDownCounter:
                    series.Value += value;
                    break;
                case Kind.Histogram:
                    series.Value += value;
                    series.Buckets[BucketOf(value)]++;
                    break;
                default:
                    series.Value = value;
                    break;
            }
        }
    }

    /// <summary>Writes all series.</summary>
    public void Write(PrometheusText text)
    {
        var all = Volatile.Read(ref _series);
        if (all.Length == 0)
        {
            return;
        }

        var type = _kind switch
        {
            Kind.Counter or Kind.ObservedCounter => "counter",
            Kind.Histogram => "histogram",
            _ => "gauge",
        };
        text.Metric(_name, type, _instrument.Description ?? _instrument.Name);
        foreach (var series in all)
        {
            lock (series)
            {
                if (_kind == Kind.Histogram)
                {
                    text.Histogram(_name, series.Labels, _bounds, i => series.Buckets[i], series.Value);
                }
                else
                {
                    text.Sample(_name, series.Labels, series.Value);
                }
            }
        }
    }

    private static string FullName(Instrument instrument, Kind kind)
    {
        var name = PrometheusText.Name(instrument.Name);
        var unit = instrument.Unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            _ => string.Empty,
        };
        if (!name.EndsWith(unit, StringComparison.Ordinal))
        {
            name += unit;
        }

        return kind is Kind.Counter or Kind.ObservedCounter && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    private static double[] Bounds(Instrument instrument)
    {
        var advised = instrument switch
        {
            Histogram<double> h => h.Advice?.HistogramBucketBoundaries?.ToArray(),
            Histogram<long> h => h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
            Histogram<int> h => h.Advice?.HistogramBucketBoundaries?.Select(b => (double)b).ToArray(),
            _ => null,
        };
        return advised ?? [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    }

    private int BucketOf(double value)
    {
        var bucket = 0;
        while (bucket < _bounds.Length && value > _bounds[bucket])
        {
            bucket++;
        }

        return bucket;
    }

    private Series? Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        foreach (var series in Volatile.Read(ref _series))
        {
            if (series.Has(tags))
            {
                return series;
            }
        }

        lock (_lock)
        {
            foreach (var series in _series)
            {
                if (series.Has(tags))
                {
                    return series;
                }
            }

            if (_series.Length >= MaxSeries)
            {
                return null;
            }

            var added = new Series(tags.ToArray(), _kind == Kind.Histogram ? new long[_bounds.Length + 1] : []);
            Volatile.Write(ref _series, [.. _series, added]);
            return added;
        }
    }

    private sealed class Series(KeyValuePair<string, object?>[] tags, long[] buckets)
    {
        public double Value { get; set; }

        public long[] Buckets { get; } = buckets;

        public string Labels { get; } =
            string.Join(',', tags.Select(t => PrometheusText.Label(PrometheusText.Name(t.Key), Convert.ToString(t.Value, null) ?? string.Empty)));

        public bool Has(ReadOnlySpan<KeyValuePair<string, object?>> others)
        {
            if (others.Length != tags.Length)
            {
                return false;
            }

            for (var i = 0; i < tags.Length; i++)
            {
                if (others[i].Key != tags[i].Key || !Equals(others[i].Value, tags[i].Value))
                {
                    return false;
                }
            }

            return true;
        }
    }
}
