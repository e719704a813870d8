using Grpc.HealthCheck;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>Grpc.AspNetCore on Kestrel, with the settings that etcd's clients need. Serves the client address, and the metrics address when there is one.</summary>
internal static class GrpcHosting
{
    // Far above what any client opens, and low enough to bound what one connection can ask for.
    private const int MaxStreamsPerConnection = 20_000;
    private const int Backlog = 4096; // connections that wait to be accepted; Linux' own most
    private const int ConnectionWindow = 8 * 1024 * 1024; // bytes a client may send ahead, over all streams
    private const int StreamWindow = 1024 * 1024; // bytes

    // etcd's --grpc-keepalive-interval and -timeout; the interval is shorter, so that a lost client's watches go sooner.
    private static readonly TimeSpan PingDelay = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20);

    // etcd keeps idle connections. Kestrel adds this to its clock, and "infinite" overflows there: it would close them at once.
    private static readonly TimeSpan IdleTime = TimeSpan.FromDays(365);

    /// <summary>Adds the listener, which serves what the application maps.</summary>
    public static void AddClientListener(this WebApplicationBuilder builder, GrpcServerSettings settings)
    {
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, settings));
        var services = builder.Services;
        var kestrel = services.Last(service => service.ServiceType == typeof(IServer)).ImplementationType!;
        services
            .Configure<SocketTransportOptions>(sockets => sockets.Backlog = Backlog)
            .AddSingleton<IConnectionListenerFactory>(provider => new LimitedListenerFactory(
                ActivatorUtilities.CreateInstance<SocketTransportFactory>(provider), settings.MetricsAddress?.EndPoint?.Port ?? 0,
                provider.GetRequiredService<ILoggerFactory>().CreateLogger("Kine.Grpc")))
            .AddSingleton<BlockPools>()
            .AddSingleton<IMemoryPoolFactory<byte>>(provider => provider.GetRequiredService<BlockPools>())
            .AddSingleton(kestrel)
            .AddSingleton<HealthServiceImpl>()
            .AddSingleton(provider => new ClientListener(
                (IServer)provider.GetRequiredService(kestrel), settings, provider.GetRequiredService<HealthServiceImpl>()))
            .AddSingleton<IServer>(provider => provider.GetRequiredService<ClientListener>())
            .AddGrpc(grpc =>
            {
                grpc.MaxReceiveMessageSize = null; // RequestBody bounds them
                grpc.IgnoreUnknownServices = true;
                grpc.CompressionProviders = [new BoundedGzip()];
                grpc.ResponseCompressionAlgorithm = BoundedGzip.Name;
            });
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

        var services = kestrel.ApplicationServices;
        var calm = new CalmConnection(services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILoggerFactory>().CreateLogger("Kine.Grpc"));
        Listen(kestrel, settings.Address, options =>
        {
            if (settings.Tls is { } tls)
                options.UseHttps(tls.Callback);
            else
                options.Use(next => connection => PrefaceSelector.OnConnection(connection, next));

            options.Use(next => connection => calm.OnConnection(connection, next));
        });
        if (settings.MetricsAddress is { } metrics)
        {
            Listen(kestrel, metrics, options =>
            {
                options.Protocols = HttpProtocols.Http1;
                if (settings.MetricsTls is { } tls)
                    options.UseHttps(tls.Callback);
            });
        }
    }

    private static void Listen(KestrelServerOptions kestrel, ListenAddress address, Action<ListenOptions> configure)
    {
        if (address.SocketPath is { } path)
            kestrel.ListenUnixSocket(Path.GetFullPath(path), configure);
        else if (address.IsAny)
            kestrel.ListenAnyIP(address.EndPoint!.Port, configure);
        else
            kestrel.Listen(address.EndPoint!, configure);
    }
}
