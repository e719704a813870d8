using System.Net;
using System.Net.Sockets;

namespace Kine.Tests.Servers;

/// <summary>Ports of the loopback address that nobody listens on.</summary>
public static class FreePort
{
    // Below the ports that systems give to connections, any of which could take one before its server listens.
    private const int First = 10_000;
    private const int End = 32_000;
    private static readonly bool IsSecondLane = Environment.GetEnvironmentVariable("KINE_TEST_LANE") == "1"; // see deploy/test.sh
    private static readonly HashSet<int> Given = [];

    /// <summary>A port that was free a moment ago and was not given to another test. The two lanes of tests have the even ones and the odd ones.</summary>
    public static int Next()
    {
        lock (Given)
        {
            while (true)
            {
                var port = Random.Shared.Next(First / 2, End / 2) * 2 + (IsSecondLane ? 1 : 0);
                if (IsFree(port) && Given.Add(port))
                    return port;
            }
        }
    }

    private static bool IsFree(int port)
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
