using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Host.Grpc;

/// <summary>
/// Kestrel with nothing on top but <see cref="GrpcApplication"/>, and the settings that etcd's clients need. Serves the client address, and the metrics
/// address when there is one.
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
    private readonly IServer _server;
    private readonly ListenAddress _address;

    private GrpcServer(WebApplication host, ListenAddress address)
    {
        _host = host;
        _server = host.Services.GetRequiredService<IServer>();
        _address = address;
    }

    /// <summary>The addresses listened on, with the real ports.</summary>
    public IReadOnlyList<string> Addresses => [.. _server.Features.GetRequiredFeature<IServerAddressesFeature>().Addresses];

    /// <summary>Port of the client address, 0 for a unix socket.</summary>
    public int Port { get; private set; }

    /// <summary>Begins to listen.</summary>
    /// <param name="application">Answers the requests.</param>
    /// <param name="settings">Where and how to listen.</param>
    /// <param name="logging">Kestrel's log.</param>
    /// <exception cref="IOException">An address is taken or not of this machine.</exception>
    public static async Task<GrpcServer> Start(GrpcApplication application, GrpcServerSettings settings, ILoggerFactory logging)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logging);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, settings));
        var server = new GrpcServer(builder.Build(), settings.Address);
        if (settings.Address.SocketPath is { } path)
        {
            File.Delete(path); // left by a process that was killed
        }

        try
        {
            await server._server.StartAsync(application, CancellationToken.None);
        }
        catch
        {
            await server._host.DisposeAsync();
            throw;
        }

        server.Listening(settings.Address);
        return server;
    }

    /// <summary>Takes no more calls, waits for the open ones at most <see cref="DrainTime"/>, then cuts them off.</summary>
    public async Task Stop()
    {
        using var drain = new CancellationTokenSource(DrainTime);
        await _server.StopAsync(drain.Token);
        if (_address.SocketPath is { } path)
        {
            File.Delete(path);
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private static void Configure(KestrelServerOptions kestrel, GrpcServerSettings settings)
    {
        kestrel.AddServerHeader = false;
        kestrel.AllowAlternateSchemes = true; // a proxy that ends TLS says https on a plain connection
        var limits = kestrel.Limits;
        limits.MinRequestBodyDataRate = null; // an idle stream is no slow one
        limits.MinResponseDataRate = null;
        limits.MaxRequestBodySize = null; // a stream has no end
        limits.KeepAliveTimeout = IdleTime;
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
