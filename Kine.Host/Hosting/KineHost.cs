using Grpc.HealthCheck;
using Kine.Grains.Cluster;
using Kine.Grains.Hosting;
using Kine.Host.Cli;
using Kine.Host.Grpc;
using Kine.Host.Metrics;
using Kine.Host.Services;
using Kine.Host.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime.MembershipService;

namespace Kine.Host.Hosting;

/// <summary>
/// The one host of the server, with one container. Its hosted services start in this order: the store opens, the silo starts, this process becomes the writer
/// or stands by, clients are listened to. They stop in the opposite order.
/// </summary>
internal sealed class KineHost(WebApplication app, ILogger logger)
{
    /// <summary>How long stopping may take; the process needs a moment more to end.</summary>
    private static readonly TimeSpan StopTime = TimeSpan.FromSeconds(4);

    /// <summary>How long a start that is told to stop may take to put back what it took.</summary>
    private static readonly TimeSpan GiveUpTime = TimeSpan.FromSeconds(2);

    private Task<bool>? _stopping;

    /// <summary>Everything that runs in it.</summary>
    public IServiceProvider Services => app.Services;

    /// <summary>What clients connect to.</summary>
    public ClientListener Listener => Services.GetRequiredService<ClientListener>();

    /// <summary>Puts it together; nothing is opened yet.</summary>
    /// <param name="options">What the user asked for.</param>
    /// <param name="backend">Adds what is behind the front end: <see cref="IEtcdApi"/>, <see cref="IStoreStatus"/>, <see cref="ProcessFailure"/>.</param>
    /// <param name="logging">The log.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="StartException">The settings of the listener or of the store are wrong.</exception>
    public static KineHost Build(ServerOptions options, Action<IServiceCollection> backend, ILoggerFactory logging, TimeProvider time)
    {
        var settings = GrpcServerSettings.Read(options, logging.CreateLogger("Kine.Tls"), time);
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logging).AddSingleton(time).AddSingleton<IHostLifetime, SignalsElsewhere>()
            .Configure<HostOptions>(host => host.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        backend(builder.Services);
        builder.AddClientListener(settings);
        AddFrontEnd(builder.Services, options.EmulatedEtcdVersion);
        builder.Services.AddHostedService(provider => new HeapTrim(
            () => provider.GetRequiredService<GrpcMiddleware>().OpenCalls, provider.GetRequiredService<BlockPools>(), time, Logger(provider, "Kine.Memory")));
        var built = builder.Build();
        ((IApplicationBuilder)built).Use(_ => built.Services.GetRequiredService<GrpcMiddleware>().Invoke);
        return new KineHost(built, logging.CreateLogger<KineHost>());
    }

    /// <summary>
    /// Starts everything; false when the process was told to stop meanwhile. A start that fails or is told to stop puts back what it took, unless the store
    /// does not answer.
    /// </summary>
    /// <exception cref="StartException">The store cannot be opened, or an address cannot be listened on.</exception>
    public async Task<bool> Start(CancellationToken cancellationToken)
    {
        using var told = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, app.Lifetime.ApplicationStopping);

        // What answers clients needs nothing that the silo starts, and takes a good part of its time.
        var starting = Task.WhenAll(app.StartAsync(told.Token), Task.Run(Services.GetRequiredService<GrpcMiddleware>, CancellationToken.None));
        try
        {
            await starting.WaitAsync(told.Token);
            return true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested || app.Lifetime.ApplicationStopping.IsCancellationRequested)
        {
            if (await Task.WhenAny(starting, Task.Delay(GiveUpTime, CancellationToken.None)) == starting)
                await PutBack();

            return false;
        }
        catch (OrleansClusterConnectivityCheckFailedException error)
        {
            await PutBack();
            throw new StartException(
                $"other processes on this store cannot be reached from here: open the ports between them, or name addresses by --peer-advertise-address ({error.Message})",
                innerException: error);
        }
        catch
        {
            await PutBack();
            throw;
        }
    }

    /// <summary>Waits until the process is told to stop, or cannot go on.</summary>
    public async Task WaitForStop(CancellationToken cancellationToken)
    {
        using var told = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, app.Lifetime.ApplicationStopping);
        await Task.Delay(Timeout.Infinite, told.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>
    /// Ends the streams with Unavailable, lets the other calls finish, then stops the rest, in less than 5 s. False when the store did not answer by then:
    /// what is still under way is left to itself, and the process should end.
    /// </summary>
    public Task<bool> Stop() => _stopping ??= StopInTime();

    private async Task PutBack()
    {
        try
        {
            await Stop();
        }
        catch (Exception error) // a silo that never ran refuses to stop
        {
            logger.LogDebug(error, "stopping what was not started");
        }
    }

    // A store that does not answer may hold up each of the steps, the closing too, and some clients block their thread in it.
    private async Task<bool> StopInTime()
    {
        using var timeout = new CancellationTokenSource(StopTime);
        try
        {
            await Task.Run(() => StopAndClose(timeout.Token), CancellationToken.None).WaitAsync(timeout.Token);
            return true;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task StopAndClose(CancellationToken cancellationToken)
    {
        try
        {
            await app.StopAsync(cancellationToken);
        }
        finally
        {
            await app.DisposeAsync();
        }
    }

    private static void AddFrontEnd(IServiceCollection services, string etcdVersion) => services
        .AddSingleton(provider =>
        {
            var errors = new ErrorTranslation(provider.GetRequiredService<ClientListener>().Stopping, Logger(provider, "Kine.Grpc"));
            var binder = new ServiceBinder(errors);
            ServiceTable.Bind(binder, provider.GetRequiredService<IEtcdApi>(), provider.GetRequiredService<HealthServiceImpl>());
            return binder;
        })
        .AddSingleton<IReadOnlyCollection<CallStats>>(provider => [.. provider.GetRequiredService<ServiceBinder>().Methods.Values])
        .AddSingleton(provider => ActivatorUtilities.CreateInstance<ServerMetrics>(provider, etcdVersion))
        .AddSingleton(provider => ActivatorUtilities.CreateInstance<WebPages>(provider, etcdVersion, Logger(provider, "Kine.Web")))
        .AddSingleton(provider =>
        {
            var binder = provider.GetRequiredService<ServiceBinder>();
            var endpoints = new MethodEndpoints(provider);
            endpoints.MapGrpcService(binder.Build());
            var time = provider.GetRequiredService<TimeProvider>();
            return new GrpcMiddleware(
                endpoints.Methods(binder.Methods),
                new PartialMessages(GrpcLimits.MaxPartialBytes, GrpcLimits.PartialTime, time),
                provider.GetRequiredService<WebPages>().Answer,
                provider.GetRequiredService<ClientListener>().Stopping,
                time);
        });

    private static ILogger Logger(IServiceProvider provider, string category) => provider.GetRequiredService<ILoggerFactory>().CreateLogger(category);
}
