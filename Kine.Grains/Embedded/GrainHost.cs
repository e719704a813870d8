using Kine.Grains.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;

namespace Kine.Grains.Embedded;

/// <summary>
/// The grain runtime of this process: the directory of activations, their collection when idle, start and stop. Calls made
/// before the start or after the stop fail with <see cref="SiloUnavailableException"/>.
/// </summary>
public sealed class GrainHost : IHostedService, IAsyncDisposable
{
    private readonly GrainCatalog _catalog;
    private readonly GrainHostingOptions _options;
    private readonly CancellationTokenSource _stopping = new();
    private volatile bool _running;
    private ITimer? _collector;
    private long _now;

    /// <summary>Times and timers come from <paramref name="time"/>, grain instances from <paramref name="services"/>.</summary>
    public GrainHost(
        IServiceProvider services, GrainCatalog catalog, GrainHostingOptions options, TimeProvider time, ILogger<GrainHost> logger)
    {
        _catalog = catalog;
        _options = options;
        Services = services;
        Time = time;
        Logger = logger;
        Factory = new GrainFactory(this, catalog);
    }

    /// <summary>References to the grains of this process.</summary>
    public IGrainFactory Factory { get; }

    /// <summary>How many activations have not ended.</summary>
    public int ActivationCount => _catalog.Classes.Sum(grainClass => grainClass.Live.Count);

    internal bool IsRunning => _running;

    internal IServiceProvider Services { get; }

    internal TimeProvider Time { get; }

    internal ILogger Logger { get; }

    internal TimeSpan DeactivationTimeout => _options.DeactivationTimeout;

    internal CancellationToken Stopping => _stopping.Token;

    /// <summary>Coarse time in ticks of 100 ns since the start, moved by the collector: a clock too slow to read for every call.</summary>
    internal long Now => Volatile.Read(ref _now);

    internal long IdleBefore => Now - _options.IdleAfter.Ticks;

    private TimeSpan CollectionPeriod => _options.IdleAfter / 4;

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_stopping.IsCancellationRequested, this);
        _running = true;
        var start = Time.GetTimestamp();
        _collector = Time.CreateTimer(_ => Collect(start), null, CollectionPeriod, CollectionPeriod);
        return Task.CompletedTask;
    }

    /// <summary>Deactivates every grain. Returns when all have ended; fails if the token is cancelled first.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _running = false;
        await _stopping.CancelAsync();
        if (_collector is not null)
        {
            await _collector.DisposeAsync();
        }

        var reason = new DeactivationReason(DeactivationReasonCode.ShuttingDown, "The process is being shut down.");
        while (_catalog.Classes.SelectMany(grainClass => grainClass.Live.Values).ToArray() is { Length: > 0 } live)
        {
            foreach (var activation in live)
            {
                activation.Deactivate(reason, cancellationToken);
            }

            await Task.WhenAll(live.Select(activation => activation.Deactivated)).WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    internal static SiloUnavailableException NotRunning(GrainId id) =>
        new($"The grain runtime is not running; {id} cannot be called.");

    internal TGrainInterface Reference<TGrainInterface>(string key)
    {
        var (grainClass, reference) = _catalog.Grain(typeof(TGrainInterface));
        return (TGrainInterface)reference(new GrainRoute(this, grainClass, key));
    }

    /// <summary>The activation that takes the grain's calls now, made if there is none; null when the runtime is not running.</summary>
    internal Activation? Find(GrainClass grainClass, string key)
    {
        if (!_running)
        {
            return grainClass.Live.GetValueOrDefault(key);
        }

        return grainClass.Live.GetOrAdd(
            key, static (key, made) => new Activation(made.Host, made.Class, key), (Host: this, Class: grainClass));
    }

    internal void Remove(Activation activation) =>
        activation.GrainClass.Live.TryRemove(new KeyValuePair<string, Activation>(activation.Key, activation));

    private void Collect(long start)
    {
        Volatile.Write(ref _now, Time.GetElapsedTime(start).Ticks);
        var before = IdleBefore;
        foreach (var grainClass in _catalog.Classes)
        {
            if (grainClass.KeepsAlive)
            {
                continue;
            }

            foreach (var (_, activation) in grainClass.Live)
            {
                activation.CollectIfUnusedSince(before);
            }
        }
    }
}
