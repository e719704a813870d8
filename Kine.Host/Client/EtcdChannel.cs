using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Grpc.Net.Client;
using Kine.Etcd;

namespace Kine.Host.Client;

/// <summary>
/// A server of the etcd v3 API as its clients see it. Connects with the first call, and again after the connection was lost; no call is
/// ever sent twice. A call that its token cancels or that runs out of time throws <see cref="OperationCanceledException"/>, every other
/// failure is an <see cref="Grpc.Core.RpcException"/>. Thread-safe.
/// </summary>
internal sealed class EtcdChannel : IDisposable
{
    private const int StreamWindow = 4 * 1024 * 1024; // bytes that a server may send before the client has said that it took them
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingDelay = TimeSpan.FromMinutes(1); // etcd ends connections that ping more often than every 5 s

    private readonly GrpcChannel _channel;

    /// <summary>Creates a channel; nothing is connected yet.</summary>
    /// <exception cref="FormatException">The endpoint is malformed.</exception>
    public EtcdChannel(string endpoint, ClientTls? tls = null)
    {
        Endpoint = EtcdEndpoint.Parse(endpoint);
        _channel = GrpcChannel.ForAddress(Endpoint.Address, new GrpcChannelOptions
        {
            HttpHandler = Handler(Endpoint, tls ?? ClientTls.None),
            DisposeHttpClient = true,
            MaxReceiveMessageSize = null,
            MaxSendMessageSize = null,
            ThrowOperationCanceledOnCancellation = true,

            // As etcd's own clients, which do not offer to unpack anything.
            CompressionProviders = [],
        });
        Kv = new KV.KVClient(_channel);
        Watch = new Watch.WatchClient(_channel);
        Lease = new Lease.LeaseClient(_channel);
        Maintenance = new Maintenance.MaintenanceClient(_channel);
    }

    /// <summary>The server.</summary>
    public EtcdEndpoint Endpoint { get; }

    public KV.KVClient Kv { get; }

    public Watch.WatchClient Watch { get; }

    public Lease.LeaseClient Lease { get; }

    public Maintenance.MaintenanceClient Maintenance { get; }

    /// <summary>Closes the connections; calls under way are cancelled.</summary>
    public void Dispose() => _channel.Dispose();

    private static SocketsHttpHandler Handler(EtcdEndpoint endpoint, ClientTls tls)
    {
        var unix = endpoint.SocketPath is { } path ? new UnixDomainSocketEndPoint(path) : null;
        var handler = new SocketsHttpHandler
        {
            // With connections of the handler's own, the library balances them itself, and waits longer after each failure: up to two minutes.
            ConnectCallback = (context, cancellationToken) => Connect(unix ?? (EndPoint)context.DnsEndPoint, cancellationToken),

            // A server may allow fewer streams on a connection than there are watches.
            EnableMultipleHttp2Connections = true,
            InitialHttp2StreamWindowSize = StreamWindow,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = PingDelay,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            ConnectTimeout = ConnectTimeout,
            ActivityHeadersPropagator = null,
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
        };
        if (endpoint.Secure)
        {
            handler.SslOptions = new SslClientAuthenticationOptions
            {
                ClientCertificates = tls.Certificate is { } certificate ? [certificate] : null,
                RemoteCertificateValidationCallback = tls.ServerCheck,
            };
        }

        return handler;
    }

    private static async ValueTask<Stream> Connect(EndPoint address, CancellationToken cancellationToken)
    {
        var socket = address is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
