using System.Net;
using System.Net.Sockets;

namespace Kine.Tests.Faults;

/// <summary>
/// A TCP proxy on a loopback port that can go wrong on purpose: refuse, cut, hang, or deliver what the client sends and lose the answer. Bytes pass
/// unchanged otherwise.
/// </summary>
public sealed class FaultProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly HashSet<Pair> _pairs = [];
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _target;
    private readonly Task _accepting;
    private volatile bool _refusing;
    private volatile bool _losingAnswers;
    private volatile bool _hanging;
    private int _answersLost;

    /// <summary>Forwards to this loopback port from now on.</summary>
    public FaultProxy(int target)
    {
        _target = target;
        _listener.Start();
        _accepting = Accept();
    }

    /// <summary>The port clients connect to.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Ends when somebody connects for the first time.</summary>
    public Task Reached => _reached.Task;

    /// <summary>True = new connections are closed at once; open ones go on.</summary>
    public bool Refusing
    {
        get => _refusing;
        set => _refusing = value;
    }

    /// <summary>
    /// True = what clients send still arrives, but the next bytes of an answer are thrown away and the connection is cut: a commit that happened and was
    /// never confirmed.
    /// </summary>
    public bool LosingAnswers
    {
        get => _losingAnswers;
        set => _losingAnswers = value;
    }

    /// <summary>
    /// True = connections are taken and kept, but whatever comes over them is thrown away on the way: what a network that drops packets, or a server that
    /// was stopped, looks like. Cut them all before it is false again.
    /// </summary>
    public bool Hanging
    {
        get => _hanging;
        set => _hanging = value;
    }

    /// <summary>How many connections lost an answer so far.</summary>
    public int AnswersLost => Volatile.Read(ref _answersLost);

    /// <summary>Cuts all open connections now, in the middle of whatever they do.</summary>
    public void CutAll()
    {
        lock (_pairs)
        {
            foreach (var pair in _pairs)
                pair.Cut();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        CutAll();
        await _accepting;
        _stop.Dispose();
    }

    private async Task Accept()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync(_stop.Token);
            }
            catch (Exception stopped) when (stopped is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
            _reached.TrySetResult();
            if (_refusing)
                client.Dispose();
            else
                _ = Serve(client);
        }
    }

    private async Task Serve(Socket client)
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        var pair = new Pair(client, server);
        lock (_pairs)
        {
            _pairs.Add(pair);
        }

        try
        {
            await server.ConnectAsync(IPAddress.Loopback, _target);
            await Task.WhenAll(Copy(client, server, answers: false, pair), Copy(server, client, answers: true, pair));
        }
        catch (Exception ended) when (ended is SocketException or ObjectDisposedException)
        {
            // One end has gone: the other one is told by the cut.
        }
        finally
        {
            pair.Cut();
            lock (_pairs)
            {
                _pairs.Remove(pair);
            }
        }
    }

    private async Task Copy(Socket from, Socket to, bool answers, Pair pair)
    {
        var buffer = new byte[32 << 10];
        try
        {
            int count;
            while ((count = await from.ReceiveAsync(buffer)) > 0)
            {
                if (answers && _losingAnswers)
                {
                    Interlocked.Increment(ref _answersLost);
                    return;
                }
                if (_hanging)
                    continue;

                for (var sent = 0; sent < count;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }
        finally
        {
            pair.Cut();
        }
    }

    private sealed record Pair(Socket Client, Socket Server)
    {
        public void Cut()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
