using Kine.Grains.Hosting;
using Kine.Grains.Keyspace;
using Kine.Host.Cli;
using Kine.Host.Grpc;
using Kine.Host.Metrics;
using Kine.Host.Services;
using Kine.Host.Web;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Hosting;

/// <summary>The running server: backend, services and listener. Started whole, stopped whole.</summary>
internal sealed class KineServer : IAsyncDisposable
{
    /// <summary>How long the backend may take to drain, after the listener took up to <see cref="GrpcServer.DrainTime"/>.</summary>
    private static readonly TimeSpan BackendStopTime = TimeSpan.FromSeconds(2);

    private readonly IServerBackend _backend;
    private readonly IKeyspace _keyspace;
    private readonly GrpcServer _listener;
    private readonly MeterCollector _meters;
    private readonly CancellationTokenSource _stopping;

    private KineServer(IServerBackend backend, IKeyspace keyspace, GrpcServer listener, MeterCollector meters, CancellationTokenSource stopping)
    {
        _backend = backend;
        _keyspace = keyspace;
        _listener = listener;
        _meters = meters;
        _stopping = stopping;
    }

    /// <summary>Port of the client address, 0 for a unix socket.</summary>
    public int Port => _listener.Port;

    /// <summary>All addresses listened on.</summary>
    public IReadOnlyList<string> Addresses => _listener.Addresses;

    /// <summary>Revision as known here.</summary>
    public long Revision => _keyspace.Header().Revision;

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
        var keyspace = await backend.Start(cancellationToken);
        var stopping = new CancellationTokenSource();
        var meters = new MeterCollector();
        try
        {
            var methods = ServiceTable.Create(keyspace, stopping.Token);
            var context = new GrpcContext(time, logging.CreateLogger("Kine.Grpc"), stopping.Token);
            var metrics = new ServerMetrics(keyspace, methods, meters, time);
            var web = new WebPages(keyspace, metrics, options.EmulatedEtcdVersion, time, logging.CreateLogger("Kine.Web"));
            var listener = await Listen(new GrpcApplication(methods, context, web.Answer), settings, logging);
            return new KineServer(backend, keyspace, listener, meters, stopping);
        }
        catch
        {
            meters.Dispose();
            stopping.Dispose();
            await StopBackend(backend);
            throw;
        }
    }

    /// <summary>Ends the streams with Unavailable, lets the other calls finish, then stops the backend. Takes at most 5 s.</summary>
    /// <exception cref="OperationCanceledException">The backend was not done in its time; it is closed none the less.</exception>
    public async Task Stop()
    {
        await _stopping.CancelAsync();
        await _listener.Stop();
        await StopBackend(_backend);
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        _meters.Dispose();
        _stopping.Dispose();
    }

    private static async Task StopBackend(IServerBackend backend)
    {
        using var timeout = new CancellationTokenSource(BackendStopTime);
        await backend.Stop(timeout.Token);
    }

    private static async Task<GrpcServer> Listen(GrpcApplication application, GrpcServerSettings settings, ILoggerFactory logging)
    {
        try
        {
            return await GrpcServer.Start(application, settings, logging);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or UnauthorizedAccessException)
        {
            throw new StartException($"cannot listen on {settings.Address}{AndMetrics(settings)}: {e.Message.TrimEnd('.')}", wrongSettings: false, e);
        }
    }

    private static string AndMetrics(GrpcServerSettings settings) => settings.MetricsAddress is { } metrics ? $" and {metrics} (metrics)" : string.Empty;
}
