using System.Globalization;
using System.Net;
using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>Finds the server behind an endpoint of this machine, from /proc (Linux).</summary>
internal static class ListeningProcess
{
    private const string TcpListening = "0A"; // TCP_LISTEN
    private const string UnixListening = "00010000"; // __SO_ACCEPTCON

    /// <summary>Its process id; null when it is elsewhere, or another user's whose open files we may not see.</summary>
    public static int? Find(EtcdEndpoint endpoint)
    {
        HashSet<string> sockets = [.. (endpoint.SocketPath is { } path ? UnixInodes(path) : TcpInodes(endpoint)).Select(inode => $"socket:[{inode}]")];
        return sockets.Count == 0 || !Directory.Exists("/proc")
            ? null
            : Directory.EnumerateDirectories("/proc")
                .Select(folder => int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : 0)
                .Where(pid => pid > 0 && Opened(pid).Any(sockets.Contains))
                .Select(pid => (int?)pid)
                .FirstOrDefault();
    }

    // Columns: number, local address, remote address, state, queues, timer, retransmits, user, timeout, inode.
    private static IEnumerable<string> TcpInodes(EtcdEndpoint endpoint)
    {
        if (endpoint.Host != "localhost" && !(IPAddress.TryParse(endpoint.Host, out var address) && IPAddress.IsLoopback(address)))
            return [];

        var port = ":" + endpoint.Port.ToString("X4");
        return Lines("/proc/net/tcp").Concat(Lines("/proc/net/tcp6"))
            .Where(columns => columns is [_, var local, _, TcpListening, _, _, _, _, _, _, ..] && local.EndsWith(port, StringComparison.Ordinal))
            .Select(columns => columns[9]);
    }

    // Columns: number, references, protocol, flags, type, state, inode, path.
    private static IEnumerable<string> UnixInodes(string path)
    {
        var full = Path.GetFullPath(path);
        return Lines("/proc/net/unix").Where(columns => columns is [_, _, _, UnixListening, _, _, _, var bound, ..] && Path.GetFullPath(bound) == full).Select(columns => columns[6]);
    }

    private static IEnumerable<string[]> Lines(string file) =>
        File.Exists(file) ? File.ReadLines(file).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)) : [];

    private static List<string> Opened(int pid)
    {
        try
        {
            return [.. Directory.EnumerateFiles($"/proc/{pid}/fd").Select(file => new FileInfo(file).LinkTarget ?? "")];
        }
        catch (Exception hidden) when (hidden is IOException or UnauthorizedAccessException)
        {
            // Ended meanwhile, or another user's.
            return [];
        }
    }
}
