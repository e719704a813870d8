using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Kine.Host.Grpc;

/// <summary>
/// Where to listen: <c>host:port</c>, <c>:port</c>, <c>tcp://host:port</c>, <c>http(s)://host:port</c> or <c>unix://path</c>. No host, 0.0.0.0 and [::] mean all
/// addresses of both families, as in Go.
/// </summary>
internal sealed class ListenAddress(string text, string? socketPath, IPEndPoint? endPoint)
{
    /// <summary>File of a unix socket, null for TCP.</summary>
    public string? SocketPath => socketPath;

    /// <summary>TCP address, null for a unix socket.</summary>
    public IPEndPoint? EndPoint => endPoint;

    /// <summary>True when all addresses of the machine are meant.</summary>
    public bool IsAny => endPoint is not null && (endPoint.Address.Equals(IPAddress.Any) || endPoint.Address.Equals(IPAddress.IPv6Any));

    /// <summary>As the user wrote it.</summary>
    public override string ToString() => text;

    /// <summary>Reads an address.</summary>
    /// <exception cref="FormatException">It is none; the message is the end of a sentence.</exception>
    public static ListenAddress Parse(string text)
    {
        var rest = text;
        var separator = text.IndexOf("://", StringComparison.Ordinal);
        if (separator >= 0)
        {
            var scheme = text[..separator];
            rest = text[(separator + 3)..];
            if (scheme == "unix")
                return rest.Length > 0 ? new ListenAddress(text, rest, null) : throw new FormatException("names no file");

            if (scheme is not ("tcp" or "http" or "https"))
                throw new FormatException($"has the unknown scheme \"{scheme}\"; use host:port or unix://path");
        }

        if (!TrySplit(rest, out var host, out var port))
            throw new FormatException("is not of the form host:port or unix://path");

        var ip = Resolve(host) ?? throw new FormatException($"names a host that is unknown here, \"{host}\"");
        return new ListenAddress(text, null, new IPEndPoint(ip, port));
    }

    private static bool TrySplit(string text, out string host, out int port)
    {
        var colon = text.LastIndexOf(':');
        host = colon < 0 ? text : text[..colon];
        port = 0;
        if (host.StartsWith('[') && host.EndsWith(']'))
            host = host[1..^1];
        else if (host.Contains(':'))
            return false;

        return colon >= 0
            && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port)
            && port <= IPEndPoint.MaxPort;
    }

    private static IPAddress? Resolve(string host)
    {
        if (host.Length == 0)
            return IPAddress.Any;

        if (IPAddress.TryParse(host, out var parsed))
            return parsed;

        try
        {
            var found = Dns.GetHostAddresses(host);
            return found.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? found.FirstOrDefault();
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
