using System.Net;
using System.Net.Sockets;

namespace Kine.Grains.Hosting;

/// <summary>
/// The port on which other processes of the cluster reach this one. It is taken before the silo is put together, so that the address which it gives to the others
/// is known.
/// </summary>
public sealed class PeerListener : IDisposable
{
    /// <summary>etcd's port for its peers. Where another process of this machine has it, any free one will do.</summary>
    public const int UsualPort = 2380;

    private const int Backlog = 512;
    private static readonly IPAddress Somewhere = IPAddress.Parse("198.51.100.1"); // an address for documentation: not this machine's
    private static readonly TimeSpan LookUpTime = TimeSpan.FromSeconds(2);

    private PeerListener(Socket socket, IPEndPoint advertised) => (Socket, Advertised) = (socket, advertised);

    /// <summary>The socket, bound to its port.</summary>
    public Socket Socket { get; }

    /// <summary>The address that other processes connect to.</summary>
    public IPEndPoint Advertised { get; }

    /// <summary>The id of this process among etcd's members.</summary>
    public ulong MemberId => PeerName.MemberId(Advertised);

    /// <summary>Takes a port.</summary>
    /// <param name="listen">host:port or host to listen on; empty = the address that leads to the store's servers, or to the world, and <see cref="UsualPort"/> or a free one.</param>
    /// <param name="advertise">host:port or host that the others are told; empty = where this process listens, or the address that leads to the store's servers.</param>
    /// <param name="servers">The store's servers.</param>
    /// <exception cref="StartException">An address is malformed, is not this machine's, or is taken.</exception>
    public static PeerListener Open(string listen, string advertise, IReadOnlyList<DnsEndPoint> servers)
    {
        (var listenHost, var listenPort) = Split("--peer-listen-address", listen);
        (var advertiseHost, var advertisePort) = Split("--peer-advertise-address", advertise);
        var told = advertiseHost.Length > 0 ? Address("--peer-advertise-address", advertiseHost) : null;
        var bind = listenHost.Length > 0 ? Address("--peer-listen-address", listenHost) : told is null ? Towards(servers) : IPAddress.Any;
        told ??= IsAny(bind) ? Towards(servers) : bind;
        if (IsAny(told))
            throw new StartException($"--peer-advertise-address {advertise} is no address that others can use", wrongSettings: true);

        var socket = listenPort >= 0
            ? TryBind(bind, listenPort, out var error) ?? throw new StartException($"cannot listen for peers on {new IPEndPoint(bind, listenPort)}: {error}")
            : TryBind(bind, UsualPort, out _) ?? TryBind(bind, 0, out error) ?? throw new StartException($"cannot listen for peers on {bind}: {error}");
        var port = ((IPEndPoint)socket.LocalEndPoint!).Port;
        return new PeerListener(socket, new IPEndPoint(told, advertisePort > 0 ? advertisePort : port));
    }

    public void Dispose() => Socket.Dispose();

    // The address that packets to one of the servers would carry. A server that is reached within this machine may be a proxy, as each machine may have one:
    // then the address that packets to the world would carry.
    private static IPAddress Towards(IReadOnlyList<DnsEndPoint> servers)
    {
        foreach (var server in servers)
        {
            foreach (var address in Resolve(server.Host))
            {
                if (SourceOf(address, server.Port) is { } source && !IPAddress.IsLoopback(source))
                    return source;
            }
        }

        return SourceOf(Somewhere, UsualPort) ?? IPAddress.Loopback;
    }

    // Nothing is sent.
    private static IPAddress? SourceOf(IPAddress address, int port)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            socket.Connect(address, port);
            return ((IPEndPoint)socket.LocalEndPoint!).Address;
        }
        catch (SocketException)
        {
            return null; // no way there
        }
    }

    private static IPAddress[] Resolve(string host)
    {
        if (IPAddress.TryParse(host.Trim('[', ']'), out var address))
            return [address];

        try
        {
            using var limit = new CancellationTokenSource(LookUpTime);
            return Dns.GetHostAddressesAsync(host, limit.Token).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            return [];
        }
    }

    private static IPAddress Address(string flag, string host) => host.Length == 0 ? IPAddress.Any
        : Resolve(host).FirstOrDefault() ?? throw new StartException($"{flag} {host} has no address", wrongSettings: true);

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static Socket? TryBind(IPAddress address, int port, out string error)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            socket.Listen(Backlog); // two processes may bind, but only one can listen
            error = "";
            return socket;
        }
        catch (SocketException refused)
        {
            socket.Dispose();
            error = refused.Message;
            return null;
        }
    }

    // Port -1 = none named.
    private static (string Host, int Port) Split(string flag, string text)
    {
        if (text.Length == 0 || IPAddress.TryParse(text, out _))
            return (text, -1);

        var colon = text.LastIndexOf(':');
        if (colon < 0)
            return (text, -1);

        var host = text[..colon].Trim('[', ']');
        return int.TryParse(text[(colon + 1)..], out var port) && port is >= 0 and <= ushort.MaxValue
            ? (host.Length == 0 ? IPAddress.Any.ToString() : host, port)
            : throw new StartException($"{flag} {text} is not host:port", wrongSettings: true);
    }
}
