using System.Diagnostics.Metrics;
using Kine.Grains.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Kine.Host.Metrics;

/// <summary>
/// Everything <c>/metrics</c> tells: etcd's gauges that have a meaning here, the calls, the process and the runtime, in the format the scraper asks for.
/// </summary>
internal sealed class ServerMetrics : IDisposable
{
    private const string MeterName = "Kine";
    private const string RuntimeMeter = "System.Runtime";

    private const int MaxSeries = 50; // of a name that is not about calls; the library keeps room for all of them

    private readonly Meter _meter = new(MeterName);
    private readonly ServiceProvider _services = new ServiceCollection().BuildServiceProvider();
    private readonly StatusMetrics _status;
    private readonly MeterProvider _provider;
    private readonly RequestDelegate _scrape;

    public ServerMetrics(IEtcdApi api, IReadOnlyCollection<CallStats> methods, string etcdVersion, TimeProvider time)
    {
        _provider = Sdk.CreateMeterProviderBuilder()
            .AddMeter(MeterName, RuntimeMeter)
            .AddView(instrument => Room(instrument, methods.Count * CallMetrics.MaxSeriesOfMethod))
            .AddPrometheusExporter(options =>
            {
                options.ScopeInfoEnabled = false; // a label etcd's series do not have
                options.TargetInfoEnabled = false;
                options.ScrapeResponseCacheDurationMilliseconds = 0;
            })
            .Build();
        _status = new StatusMetrics(_meter, api, etcdVersion, time);
        CallMetrics.Add(_meter, methods);
        ProcessMetrics.Add(_meter);
        _scrape = new ApplicationBuilder(_services).UseOpenTelemetryPrometheusScrapingEndpoint(_provider, _ => true, null, null, null).Build();
    }

    /// <summary>Answers a scrape.</summary>
    public async Task Answer(HttpContext context)
    {
        await _status.Refresh(context.RequestAborted);
        await _scrape(context);
    }

    public void Dispose()
    {
        _provider.Dispose();
        _meter.Dispose();
        _services.Dispose();
    }

    // Several servers of one process each tell their own figures.
    private MetricStreamConfiguration Room(Instrument instrument, int callSeries) => instrument.Meter.Name == MeterName && instrument.Meter != _meter
        ? MetricStreamConfiguration.Drop
        : new MetricStreamConfiguration { CardinalityLimit = CallMetrics.Owns(instrument) ? callSeries : MaxSeries };
}
