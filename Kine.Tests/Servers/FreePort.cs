using System.Net;
using System.Net.Sockets;

namespace Kine.Tests.Servers;

/// <summary>Ports of the loopback address that nobody listens on.</summary>
public static class FreePort
{
    private static readonly HashSet<int> Given = [];

    /// <summary>A port that was free a moment ago and was not given to another test of this process.</summary>
    public static int Next()
    {
        lock (Given)
        {
            while (true)
            {
                using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
                var port = ((IPEndPoint)probe.LocalEndPoint!).Port;
                if (Given.Add(port))
                    return port;
            }
        }
    }
}
