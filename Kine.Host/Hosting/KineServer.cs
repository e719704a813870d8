using System.Diagnostics;
using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Kine.Host.Cli;
using Kine.Host.Grpc;
using Kine.Host.Metrics;
using Kine.Host.Services;
using Kine.Host.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>The running server: backend, services and listener. Started whole, stopped whole.</summary>
internal sealed class KineServer : IAsyncDisposable
{
    /// <summary>How long stopping may take, the listener's <see cref="GrpcServer.DrainTime"/> included; the process needs a moment more to end.</summary>
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(4);

    /// <summary>What the backend gets of it, however long the listener took.</summary>
    private static readonly TimeSpan LeastBackendTime = TimeSpan.FromSeconds(1);

    /// <summary>How long a start that is told to stop may take to put back what it took.</summary>
    private static readonly TimeSpan GiveUpTime = TimeSpan.FromSeconds(2);

    private readonly IServerBackend _backend;
    private readonly IEtcdApi _api;
    private readonly GrpcServer _listener;
    private readonly ServerMetrics _metrics;

    private KineServer(IServerBackend backend, IEtcdApi api, GrpcServer listener, ServerMetrics metrics)
    {
        _backend = backend;
        _api = api;
        _listener = listener;
        _metrics = metrics;
    }

    /// <summary>Port of the client address, 0 for a unix socket.</summary>
    public int Port => _listener.Port;

    /// <summary>All addresses listened on.</summary>
    public IReadOnlyList<string> Addresses => _listener.Addresses;

    /// <summary>Revision as known here.</summary>
    public long Revision => _api.Header().Revision;

    /// <summary>Starts the backend, then listens.</summary>
    /// <exception cref="BackendException">The store cannot be opened.</exception>
    /// <exception cref="StartException">An address cannot be listened on.</exception>
    public static async Task<KineServer> Start(
        ServerOptions options,
        GrpcServerSettings settings,
        IServerBackend backend,
        ILoggerFactory logging,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var api = await StartBackend(backend, cancellationToken);
        ServerMetrics? metrics = null;
        try
        {
            var listener = await Listen(
                settings,
                api,
                methods =>
                {
                    metrics = new ServerMetrics(api, methods, options.EmulatedEtcdVersion, time);
                    return new WebPages(api, metrics, options.EmulatedEtcdVersion, time, logging.CreateLogger("Kine.Web")).Answer;
                },
                logging,
                time);
            return new KineServer(backend, api, listener, metrics!);
        }
        catch
        {
            metrics?.Dispose();
            await StopBackend(backend, StopTime);
            throw;
        }
    }

    /// <summary>
    /// Ends the streams with Unavailable, lets the other calls finish, then stops the backend. Takes at most 5 s. False when the backend was not done by then:
    /// its store does not answer. What is still under way is left to itself, and the process should end.
    /// </summary>
    public async Task<bool> Stop()
    {
        var clock = Stopwatch.StartNew();
        await _listener.Stop();
        var left = StopTime - clock.Elapsed;
        return await StopBackend(_backend, left > LeastBackendTime ? left : LeastBackendTime);
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        _metrics.Dispose();
    }

    // A start that is told to stop puts back what it took, unless the store does not answer.
    private static async Task<IEtcdApi> StartBackend(IServerBackend backend, CancellationToken cancellationToken)
    {
        var starting = backend.Start(cancellationToken);
        try
        {
            return await starting.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (!starting.IsCompleted)
        {
            await Task.WhenAny(starting, Task.Delay(GiveUpTime, CancellationToken.None));
            if (!starting.IsCompleted)
            {
                throw;
            }

            return await starting;
        }
    }

    private static async Task<bool> StopBackend(IServerBackend backend, TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await backend.Stop(timeout.Token);
            return true;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            return false;
        }
    }

    private static async Task<GrpcServer> Listen(
        GrpcServerSettings settings,
        IEtcdApi api,
        Func<IReadOnlyCollection<CallStats>, RequestDelegate> web,
        ILoggerFactory logging,
        TimeProvider time)
    {
        try
        {
            return await GrpcServer.Start(settings, (binder, health) => ServiceTable.Bind(binder, api, health), web, logging, time);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or UnauthorizedAccessException)
        {
            throw new StartException($"cannot listen on {settings.Address}{AndMetrics(settings)}: {e.Message.TrimEnd('.')}", wrongSettings: false, e);
        }
    }

    private static string AndMetrics(GrpcServerSettings settings) => settings.MetricsAddress is { } metrics ? $" and {metrics} (metrics)" : string.Empty;
}
