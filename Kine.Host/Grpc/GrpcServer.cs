using System.Net;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Kine.Host.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>
/// Grpc.AspNetCore on Kestrel, with the settings that etcd's clients need. Serves the client address, and the metrics address when there is one.
/// </summary>
internal sealed class GrpcServer : IAsyncDisposable
{
    /// <summary>How long open calls may take to end once the server stops. Kestrel takes up to a second more to cut the rest off.</summary>
    public static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(2);

    // Far above what any client opens, and low enough to bound what one connection can ask for.
    private const int MaxStreamsPerConnection = 20_000;
    private const int ConnectionWindow = 8 * 1024 * 1024; // bytes a client may send ahead, over all streams
    private const int StreamWindow = 1024 * 1024; // bytes

    // etcd's --grpc-keepalive-interval and -timeout; the interval is shorter, so that a lost client's watches go sooner.
    private static readonly TimeSpan PingDelay = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    // etcd keeps idle connections. Kestrel adds this to its clock, and "infinite" overflows there: it would close them at once.
    private static readonly TimeSpan IdleTime = TimeSpan.FromDays(365);

    private readonly WebApplication _host;
    private readonly CancellationTokenSource _stopping = new();
    private readonly HealthServiceImpl _health = new();
    private readonly ListenAddress _address;

    private GrpcServer(WebApplication host, ListenAddress address)
    {
        _host = host;
        _address = address;
        _health.SetStatus(string.Empty, HealthCheckResponse.Types.ServingStatus.Serving);
    }

    /// <summary>The addresses listened on, with the real ports.</summary>
    public IReadOnlyList<string> Addresses => [.. _host.Urls];

    /// <summary>Port of the client address, 0 for a unix socket.</summary>
    public int Port { get; private set; }

    /// <summary>Begins to listen.</summary>
    /// <param name="settings">Where and how to listen.</param>
    /// <param name="services">Binds the services, the one of health among them.</param>
    /// <param name="web">Makes what answers requests that are not gRPC, of the counts of the methods.</param>
    /// <param name="logging">The log.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="IOException">An address is taken or not of this machine.</exception>
    public static async Task<GrpcServer> Start(
        GrpcServerSettings settings,
        Action<ServiceBinder, HealthServiceImpl> services,
        Func<IReadOnlyCollection<CallStats>, RequestDelegate> web,
        ILoggerFactory logging,
        TimeProvider time)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logging);
        builder.Services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = null; // RequestBody bounds them
            grpc.IgnoreUnknownServices = true;
            grpc.CompressionProviders = [new BoundedGzip()];
            grpc.ResponseCompressionAlgorithm = BoundedGzip.Name;
        });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, settings));
        var server = new GrpcServer(builder.Build(), settings.Address);
        server.Map(services, web, logging, time);
        if (settings.Address.SocketPath is { } path)
        {
            File.Delete(path); // left by a process that was killed
        }

        try
        {
            await server._host.StartAsync();
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        server.Listening(settings.Address);
        return server;
    }

    /// <summary>Ends the streams, takes no more calls, waits for the open ones at most <see cref="DrainTime"/>, then cuts them off.</summary>
    public async Task Stop()
    {
        _health.SetStatus(string.Empty, HealthCheckResponse.Types.ServingStatus.NotServing);
        await _stopping.CancelAsync();
        using var drain = new CancellationTokenSource(DrainTime);
        await _host.StopAsync(drain.Token);
        if (_address.SocketPath is { } path)
        {
            File.Delete(path);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _stopping.Dispose();
    }

    private void Map(
        Action<ServiceBinder, HealthServiceImpl> services,
        Func<IReadOnlyCollection<CallStats>, RequestDelegate> web,
        ILoggerFactory logging,
        TimeProvider time)
    {
        var binder = new ServiceBinder(new ErrorTranslation(_stopping.Token, logging.CreateLogger("Kine.Grpc")));
        services(binder, _health);
        var endpoints = new MethodEndpoints(_host.Services);
        endpoints.MapGrpcService(binder.Build());
        var partials = new PartialMessages(GrpcLimits.MaxPartialBytes, GrpcLimits.PartialTime, time);
        var pages = web([.. binder.Methods.Values]);
        _host.Run(new GrpcMiddleware(endpoints.Methods(binder.Methods), partials, pages, _stopping.Token, time).Invoke);
    }

    private static void Configure(KestrelServerOptions kestrel, GrpcServerSettings settings)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowAlternateSchemes = true; // a proxy that ends TLS says https on a plain connection
        kestrel.RequestHeaderEncodingSelector = HeaderEncodings.Select;
        var limits = kestrel.Limits;
        limits.MinRequestBodyDataRate = null; // an idle stream is no slow one
        limits.MinResponseDataRate = null;
        limits.MaxRequestBodySize = null; // a stream has no end
        limits.KeepAliveTimeout = IdleTime;
        limits.MaxRequestBufferSize = GrpcLimits.MaxHeaderLength; // Kestrel asks for as much
        limits.MaxRequestHeaderCount = GrpcLimits.MaxHeaders;
        limits.MaxRequestHeadersTotalSize = GrpcLimits.MaxHeaderLength;
        limits.Http2.MaxRequestHeaderFieldSize = GrpcLimits.MaxHeaderLength;
        limits.Http2.MaxStreamsPerConnection = MaxStreamsPerConnection;
        limits.Http2.InitialConnectionWindowSize = ConnectionWindow;
        limits.Http2.InitialStreamWindowSize = StreamWindow;
        limits.Http2.KeepAlivePingDelay = PingDelay;
        limits.Http2.KeepAlivePingTimeout = PingTimeout;

        Listen(kestrel, settings.Address, options =>
        {
            if (settings.Tls is { } tls)
            {
                options.UseHttps(tls.Callback);
            }
            else
            {
                options.Use(next => connection => PrefaceSelector.OnConnection(connection, next));
            }
        });
        if (settings.MetricsAddress is { } metrics)
        {
            Listen(kestrel, metrics, options =>
            {
                options.Protocols = HttpProtocols.Http1;
                if (settings.MetricsTls is { } tls)
                {
                    options.UseHttps(tls.Callback);
                }
            });
        }
    }

    private static void Listen(KestrelServerOptions kestrel, ListenAddress address, Action<ListenOptions> configure)
    {
        if (address.SocketPath is { } path)
        {
            kestrel.ListenUnixSocket(Path.GetFullPath(path), configure);
        }
        else if (address.IsAny)
        {
            kestrel.ListenAnyIP(address.EndPoint!.Port, configure);
        }
        else
        {
            kestrel.Listen(address.EndPoint!, configure);
        }
    }

    private void Listening(ListenAddress address)
    {
        if (address.SocketPath is null)
        {
            Port = BindingAddress.Parse(Addresses[0]).Port;
        }
        else if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(address.SocketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
    }
}
