using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <summary>
/// One client connection: HTTP/2 with prior knowledge (plain text) or by ALPN (TLS). A single read loop parses frames and ends calls;
/// callers put frames into a shared buffer, and whoever finds nobody sending sends all that has gathered.
/// </summary>
/// <remarks>
/// <c>_gate</c> protects everything a caller's thread may touch: the streams, the send windows and the buffer being filled. It is
/// never held across an await or a callback. The decoder and the receive state belong to the read loop alone.
/// </remarks>
internal sealed partial class Http2Connection
{
    private const int DefaultWindow = 65_535; // bytes, RFC 9113 section 6.9.2
    private const int LastStreamId = int.MaxValue - 2;
    private const int KeptBuffer = 1024 * 1024; // bytes

    private readonly Lock _gate = new();
    private readonly Stream _transport;
    private readonly EtcdChannelOptions _options;
    private readonly HpackEncoder _encoder;
    private readonly Dictionary<int, Http2Stream> _streams = [];
    private readonly Queue<(Http2Stream Stream, string Path, CallOptions? Options)> _waiting = [];
    private readonly List<Http2Stream> _blocked = [];
    private readonly TaskCompletionSource _settingsReceived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WireBuffer _filling = new(16 * 1024);
    private WireBuffer _sending = new(16 * 1024);
    private bool _flushing;
    private bool _dispatching;
    private int _nextStreamId = 1;
    private long _sendWindow = DefaultWindow;
    private int _peerStreamWindow = DefaultWindow;
    private int _peerFrameSize = OwnFrameSize;
    private uint _peerStreamLimit = uint.MaxValue;
    private bool _draining;
    private GrpcException? _failure;

    private Http2Connection(Stream transport, EtcdEndpoint endpoint, EtcdChannelOptions options)
    {
        _transport = transport;
        _options = options;
        _encoder = new HpackEncoder(endpoint.Secure ? "https" : "http", endpoint.Authority);
        _decoder = new HpackDecoder();
    }

    /// <summary>False once the connection is lost, going away or out of stream numbers.</summary>
    public bool CanOpen
    {
        get
        {
            lock (_gate)
            {
                return _failure is null && !_draining;
            }
        }
    }

    /// <summary>Connects and exchanges settings.</summary>
    /// <exception cref="GrpcException">Unavailable.</exception>
    public static async Task<Http2Connection> Connect(EtcdEndpoint endpoint, EtcdChannelOptions options, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(options.ConnectTimeout);
        Stream? transport = null;
        try
        {
            transport = await OpenTransport(endpoint, options, limit.Token);
            var connection = new Http2Connection(transport, endpoint, options);
            await connection.Start(limit.Token);
            return connection;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            if (transport is not null)
            {
                await transport.DisposeAsync();
            }

            throw new GrpcException(StatusCode.Unavailable, $"no HTTP/2 connection to {endpoint.Authority} within {options.ConnectTimeout.TotalSeconds:0} s");
        }
        catch (Exception error) when (error is SocketException or IOException or System.Security.Authentication.AuthenticationException)
        {
            if (transport is not null)
            {
                await transport.DisposeAsync();
            }

            throw new GrpcException(StatusCode.Unavailable, $"cannot connect to {endpoint.SocketPath ?? endpoint.Authority}: {error.Message}", error);
        }
    }

    /// <summary>Starts a call with what is set as its outbound message; false if this connection takes no more.</summary>
    public bool TryOpen(Http2Stream stream, string path, CallOptions? options)
    {
        bool flush;
        lock (_gate)
        {
            if (_failure is not null || _draining)
            {
                return false;
            }

            if (stream.Abandoned)
            {
                return true;
            }

            stream.Connection = this;
            if (_streams.Count >= _peerStreamLimit)
            {
                _waiting.Enqueue((stream, path, options));
                return true;
            }

            Start(stream, path, options);
            flush = TakeFlush();
        }

        if (flush)
        {
            _ = Flush();
        }

        return true;
    }

    /// <summary>Sends a message on an open stream; completes when it is framed.</summary>
    public Task Send(Http2Stream stream, ReadOnlyMemory<byte> message, bool hasMessage, bool ends)
    {
        bool flush;
        Task done;
        lock (_gate)
        {
            if (_failure is not null)
            {
                return Task.FromException(_failure);
            }

            if (stream.Abandoned || (stream.Id != 0 && !_streams.ContainsKey(stream.Id)))
            {
                return Task.FromException(new GrpcException(StatusCode.Unavailable, "the stream is over"));
            }

            stream.SetOutbound(message, hasMessage, ends);
            if (stream.Id != 0)
            {
                Push(stream);
            }

            if (stream.OutboundPending)
            {
                stream.OutboundDone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                done = stream.OutboundDone.Task;
            }
            else
            {
                done = Task.CompletedTask;
            }

            flush = TakeFlush();
        }

        if (flush)
        {
            _ = Flush();
        }

        return done;
    }

    /// <summary>Gives a stream up: the server is told, and nothing more is delivered.</summary>
    public void Abandon(Http2Stream stream)
    {
        bool flush;
        lock (_gate)
        {
            stream.Abandoned = true;
            if (stream.Id == 0 || !_streams.ContainsKey(stream.Id) || _failure is not null)
            {
                return;
            }

            WriteReset(stream.Id, Http2ErrorCode.Cancel);
            Remove(stream);
            flush = TakeFlush();
        }

        if (flush)
        {
            _ = Flush();
        }
    }

    /// <summary>Lets the server send again what the caller has read of a stream.</summary>
    public void Acknowledge(Http2Stream stream, int bytes)
    {
        bool flush;
        lock (_gate)
        {
            stream.ReceivedUnacknowledged += bytes;
            if (stream.ReceivedUnacknowledged < _options.StreamWindow / 2 || _failure is not null || !_streams.ContainsKey(stream.Id))
            {
                return;
            }

            WriteWindowUpdate(stream.Id, stream.ReceivedUnacknowledged);
            stream.ReceivedUnacknowledged = 0;
            flush = TakeFlush();
        }

        if (flush)
        {
            _ = Flush();
        }
    }

    /// <summary>Closes the connection and fails what is under way.</summary>
    public async Task Close()
    {
        Task flushed;
        lock (_gate)
        {
            if (_failure is null && !_flushing)
            {
                WriteGoAway(Http2ErrorCode.NoError);
                _flushing = true;
                flushed = Flush();
            }
            else
            {
                flushed = Task.CompletedTask;
            }
        }

        await Task.WhenAny(flushed, Task.Delay(TimeSpan.FromSeconds(1)));
        Abort(new GrpcException(StatusCode.Cancelled, "the channel is closed"));
        await _ended.Task;
    }

    private static async Task<Stream> OpenTransport(EtcdEndpoint endpoint, EtcdChannelOptions options, CancellationToken cancellationToken)
    {
        var unix = endpoint.SocketPath is not null;
        var socket = unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? transport = null;
        try
        {
            EndPoint address = unix ? new UnixDomainSocketEndPoint(endpoint.SocketPath!) : new DnsEndPoint(endpoint.Host, endpoint.Port);

            // One asynchronous operation, this one too, would make the socket non-blocking for good.
            if (options.InlineContinuations)
            {
                await Task.Run(() => socket.Connect(address), cancellationToken).WaitAsync(cancellationToken);
            }
            else
            {
                await socket.ConnectAsync(address, cancellationToken);
            }

            transport = new NetworkStream(socket, ownsSocket: true);
            if (!endpoint.Secure)
            {
                return transport;
            }

            var tls = new SslStream(transport, leaveInnerStreamOpen: false);
            transport = tls;
            var settings = new SslClientAuthenticationOptions
            {
                TargetHost = endpoint.Host,
                ApplicationProtocols = [SslApplicationProtocol.Http2],
                ClientCertificates = options.ClientCertificate is { } certificate ? [certificate] : null,
                RemoteCertificateValidationCallback = options.ServerCertificateCheck,
            };
            if (options.InlineContinuations)
            {
                await Task.Run(() => tls.AuthenticateAsClient(settings), cancellationToken).WaitAsync(cancellationToken);
            }
            else
            {
                await tls.AuthenticateAsClientAsync(settings, cancellationToken);
            }

            return tls.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2
                ? tls
                : throw new IOException("the server does not offer HTTP/2 by ALPN");
        }
        catch
        {
            if (transport is not null)
            {
                await transport.DisposeAsync();
            }

            socket.Dispose();
            throw;
        }
    }

    private async Task Start(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            WritePreface();
            _flushing = true;
        }

        await Flush();
        StartReading();
        try
        {
            await _settingsReceived.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Abort(new GrpcException(StatusCode.Unavailable, "no settings in time"));
            throw;
        }
    }

    /// <summary>Under the lock: forgets a stream, and starts one that waited for its place.</summary>
    private void Remove(Http2Stream stream)
    {
        _streams.Remove(stream.Id);
        if (stream.OutboundPending && _blocked.Remove(stream))
        {
            stream.OutboundDone?.TrySetException(new GrpcException(StatusCode.Unavailable, "the stream is over"));
        }

        while (_waiting.Count > 0 && _streams.Count < _peerStreamLimit && !_draining)
        {
            var (next, path, options) = _waiting.Dequeue();
            if (!next.Abandoned)
            {
                Start(next, path, options);
            }
        }
    }

    /// <summary>Records why the connection ends; the read loop then fails the calls, so that they only ever end on one thread.</summary>
    private void Abort(GrpcException failure)
    {
        lock (_gate)
        {
            _failure ??= failure;
        }

        _transport.Dispose();
    }

    private void FailAll()
    {
        List<Http2Stream> failed;
        GrpcException failure;
        lock (_gate)
        {
            failure = _failure!;
            failed = [.. _streams.Values, .. _waiting.Select(entry => entry.Stream)];
            foreach (var stream in _blocked)
            {
                stream.OutboundDone?.TrySetException(failure);
            }

            _streams.Clear();
            _waiting.Clear();
            _blocked.Clear();
        }

        foreach (var stream in failed)
        {
            stream.OnFailed(failure);
        }
    }
}
