using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Kine.Host.Grpc;

/// <summary>
/// Where to listen: <c>host:port</c>, <c>:port</c>, <c>tcp://host:port</c>, <c>http(s)://host:port</c> or <c>unix://path</c>. No host, 0.0.0.0 and [::] mean all
/// addresses of both families, as in Go.
/// </summary>
internal sealed class ListenAddress
{
    private ListenAddress(string text, string? socketPath, IPEndPoint? endPoint)
    {
        Text = text;
        SocketPath = socketPath;
        EndPoint = endPoint;
    }

    /// <summary>As the user wrote it.</summary>
    public string Text { get; }

    /// <summary>File of a unix socket, null for TCP.</summary>
    public string? SocketPath { get; }

    /// <summary>TCP address, null for a unix socket.</summary>
    public IPEndPoint? EndPoint { get; }

    /// <summary>True when all addresses of the machine are meant.</summary>
    public bool IsAny => EndPoint is { } endPoint && (endPoint.Address.Equals(IPAddress.Any) || endPoint.Address.Equals(IPAddress.IPv6Any));

    public override string ToString() => Text;

    /// <summary>Reads an address; on failure the error is the end of a sentence.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ListenAddress? address, [NotNullWhen(false)] out string? error)
    {
        address = null;
        error = null;
        var rest = text;
        var separator = text.IndexOf("://", StringComparison.Ordinal);
        if (separator >= 0)
        {
            var scheme = text[..separator];
            rest = text[(separator + 3)..];
            if (scheme == "unix")
            {
                if (rest.Length == 0)
                {
                    error = "names no file";
                    return false;
                }

                address = new ListenAddress(text, rest, null);
                return true;
            }

            if (scheme is not ("tcp" or "http" or "https"))
            {
                error = $"has the unknown scheme \"{scheme}\"; use host:port or unix://path";
                return false;
            }
        }

        if (!TrySplit(rest, out var host, out var port))
        {
            error = "is not of the form host:port or unix://path";
            return false;
        }

        if (!TryResolve(host, out var ip))
        {
            error = $"names a host that is unknown here, \"{host}\"";
            return false;
        }

        address = new ListenAddress(text, null, new IPEndPoint(ip, port));
        return true;
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

    private static bool TryResolve(string host, out IPAddress ip)
    {
        if (host.Length == 0)
        {
            ip = IPAddress.Any;
            return true;
        }

        if (IPAddress.TryParse(host, out var parsed))
        {
            ip = parsed;
            return true;
        }

        ip = IPAddress.None;
        try
        {
            var found = Dns.GetHostAddresses(host);
            ip = found.FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork) ?? found.FirstOrDefault() ?? IPAddress.None;
        }
        catch (SocketException)
        {
            return false;
        }

        return !ip.Equals(IPAddress.None);
    }
}
