using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Kine.Tests.Faults;

namespace Kine.Tests.Chaos;

/// <summary>What the others connect to instead of one process's port for its peers: each comes through a proxy of its own, so that two can be kept apart.</summary>
internal sealed class PeerRouter : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly FaultProxy[] _ways;
    private readonly Func<int, int?> _pidOf;
    private readonly Task _accepting;

    /// <param name="port">The port of the process.</param>
    /// <param name="processes">How many there are.</param>
    /// <param name="pidOf">The pid of each; null while it does not run.</param>
    public PeerRouter(int port, int processes, Func<int, int?> pidOf)
    {
        _ways = [.. Enumerable.Range(0, processes).Select(_ => new FaultProxy(port))];
        _pidOf = pidOf;
        _listener.Start();
        _accepting = Accept();
    }

    /// <summary>The port that the others are told.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The way that the connections of one process take.</summary>
    public FaultProxy From(int process) => _ways[process];

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        foreach (var way in _ways)
            await way.DisposeAsync();

        await _accepting;
        _stop.Dispose();
    }

    private async Task Accept()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                _ = Serve(await _listener.AcceptTcpClientAsync(_stop.Token));
            }
            catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task Serve(TcpClient client)
    {
        using var way = new TcpClient { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                if (SenderOf(client) is not { } sender)
                    return;

                await way.ConnectAsync(IPAddress.Loopback, _ways[sender].Port, _stop.Token);
                await Task.WhenAny(client.GetStream().CopyToAsync(way.GetStream(), _stop.Token), way.GetStream().CopyToAsync(client.GetStream(), _stop.Token));
            }
            catch (Exception ended) when (ended is IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
            {
                // One end has gone: the other one is told by the end of its connection.
            }
        }
    }

    // The process that has the other end of the connection, by proc(5): the number of its socket, and who has that open.
    private int? SenderOf(TcpClient client)
    {
        var port = $":{((IPEndPoint)client.Client.RemoteEndPoint!).Port:X4}";
        var target = $":{Port:X4}";
        foreach (var table in new[] { "/proc/net/tcp", "/proc/net/tcp6" })
        {
            foreach (var fields in File.ReadLines(table).Skip(1).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
            {
                if (!fields[1].EndsWith(port, StringComparison.Ordinal) || !fields[2].EndsWith(target, StringComparison.Ordinal))
                    continue;

                var socket = string.Create(CultureInfo.InvariantCulture, $"socket:[{fields[9]}]");
                for (var process = 0; process < _ways.Length; process++)
                {
                    if (_pidOf(process) is { } pid && HasOpen(pid, socket))
                        return process;
                }

                return null;
            }
        }

        return null;
    }

    private static bool HasOpen(int pid, string socket)
    {
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{pid}/fd").Any(file => new FileInfo(file).LinkTarget == socket);
        }
        catch (IOException)
        {
            return false; // it has ended
        }
    }
}
