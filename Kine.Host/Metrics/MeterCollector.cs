using System.Diagnostics.Metrics;
using System.Numerics;

namespace Kine.Host.Metrics;

/// <summary>Keeps the values of all instruments of the runtime's and kine's own meters, and writes them out.</summary>
internal sealed class MeterCollector : IDisposable
{
    private const string OwnPrefix = "Kine.";
    private const string RuntimeMeter = "System.Runtime";

    private readonly MeterListener _listener = new();
    private readonly Lock _lock = new(); // guards the list of instruments
    private readonly List<InstrumentValues> _instruments = [];

    public MeterCollector()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!instrument.Meter.Name.StartsWith(OwnPrefix, StringComparison.Ordinal) && instrument.Meter.Name != RuntimeMeter)
            {
                return;
            }

            var values = new InstrumentValues(instrument);
            lock (_lock)
            {
                _instruments.Add(values);
            }

            listener.EnableMeasurementEvents(instrument, values);
        };
        _listener.MeasurementsCompleted = (_, state) =>
        {
            if (state is not InstrumentValues values)
            {
                return;
            }

            lock (_lock)
            {
                _instruments.Remove(values);
            }
        };
        Take<byte>();
        Take<short>();
        Take<int>();
        Take<long>();
        Take<float>();
        Take<double>();
        Take<decimal>();
        _listener.Start();
    }

    /// <summary>Asks the observable instruments, and writes all values.</summary>
    public void Write(PrometheusText text)
    {
        _listener.RecordObservableInstruments();
        InstrumentValues[] instruments;
        lock (_lock)
        {
            instruments = [.. _instruments];
        }

        foreach (var instrument in instruments)
        {
            instrument.Write(text);
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Take<T>()
        where T : struct, INumber<T> =>
        _listener.SetMeasurementEventCallback<T>(static (_, value, tags, state) => ((InstrumentValues)state!).Record(double.CreateChecked(value), tags));
}
