using Google.Protobuf;
using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <summary>
/// A client of one etcd v3 endpoint over one HTTP/2 connection of its own, opened by the first call and again by the first call
/// after it was lost. A call that was under way when the connection went down fails with Unavailable and is never sent again.
/// Thread-safe.
/// </summary>
/// <example>
/// <code>
/// await using var channel = new EtcdChannel("http://127.0.0.1:2379");
/// var reply = await channel.Unary&lt;RangeResponse&gt;(EtcdMethods.Range, new RangeRequest { Key = ByteString.CopyFromUtf8("a") });
/// await using var watch = await channel.Duplex(EtcdMethods.Watch);
/// await watch.Write(request.ToByteArray());
/// var first = WatchResponse.Parser.ParseFrom(await watch.Read());
/// </code>
/// </example>
public sealed class EtcdChannel : IAsyncDisposable
{
    private readonly SemaphoreSlim _connecting = new(1);
    private volatile Http2Connection? _connection;
    private volatile bool _disposed;

    /// <summary>Creates a channel; nothing is connected yet.</summary>
    /// <exception cref="FormatException">The endpoint is malformed.</exception>
    public EtcdChannel(string endpoint, EtcdChannelOptions? options = null)
    {
        Endpoint = EtcdEndpoint.Parse(endpoint);
        Options = options ?? new EtcdChannelOptions();
    }

    /// <summary>The server.</summary>
    public EtcdEndpoint Endpoint { get; }

    /// <summary>The options given.</summary>
    public EtcdChannelOptions Options { get; }

    internal Http2Connection? CurrentConnection => _connection;

    /// <summary>Connects now instead of with the first call.</summary>
    /// <exception cref="GrpcException">Unavailable: nobody there, or no HTTP/2 server.</exception>
    public async Task Connect(CancellationToken cancellationToken = default) => await GetConnection(cancellationToken);

    /// <summary>Creates a call object for hot loops.</summary>
    public UnaryCall NewCall() => new(this);

    /// <summary>Makes one unary call and gives the reply message.</summary>
    /// <exception cref="GrpcException">Any status but OK; Cancelled by the token, DeadlineExceeded by the options' timeout.</exception>
    public async Task<byte[]> Unary(
        string path, ReadOnlyMemory<byte> request, CallOptions? options = null, CancellationToken cancellationToken = default)
    {
        var call = new UnaryCall(this);
        var pending = call.Send(path, request, options);
        using var deadline = options?.Timeout is { } timeout ? new CancellationTokenSource(timeout) : null;
        using var cancelled = cancellationToken.UnsafeRegister(_ => Abandon(call, StatusCode.Cancelled, "context canceled"), null);
        using var expired = deadline?.Token.UnsafeRegister(
            _ => Abandon(call, StatusCode.DeadlineExceeded, "context deadline exceeded"), null);
        await pending;
        return call.Reply.ToArray();
    }

    /// <summary>Makes one unary call with protobuf messages.</summary>
    /// <exception cref="GrpcException">Any status but OK.</exception>
    public async Task<TReply> Unary<TReply>(
        string path, IMessage request, CallOptions? options = null, CancellationToken cancellationToken = default)
        where TReply : IMessage<TReply>, new()
    {
        var reply = new TReply();
        reply.MergeFrom(await Unary(path, request.ToByteArray(), options, cancellationToken));
        return reply;
    }

    /// <summary>Opens a duplex call; its messages are written and read on the stream.</summary>
    /// <exception cref="GrpcException">Unavailable: no connection.</exception>
    public async Task<EtcdStream> Duplex(string path, CallOptions? options = null, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var connection = await GetConnection(cancellationToken);
            var stream = new EtcdStream(connection);
            stream.SetOutbound(default, hasMessage: false, ends: false);
            if (!connection.TryOpen(stream, path, options))
            {
                continue;
            }

            if (options?.Timeout is { } timeout)
            {
                stream.EndAfter(timeout);
            }

            return stream;
        }
    }

    /// <summary>Opens a call with one request and many replies.</summary>
    /// <exception cref="GrpcException">Unavailable: no connection.</exception>
    public async Task<EtcdStream> ServerStream(
        string path, ReadOnlyMemory<byte> request, CallOptions? options = null, CancellationToken cancellationToken = default)
    {
        var stream = await Duplex(path, options, cancellationToken);
        await stream.Write(request, cancellationToken);
        await stream.CompleteWrites(cancellationToken);
        return stream;
    }

    /// <summary>Closes the connection; calls under way fail with Unavailable.</summary>
    public async ValueTask DisposeAsync()
    {
        _disposed = true;
        await _connecting.WaitAsync();
        try
        {
            if (_connection is { } connection)
            {
                await connection.Close();
            }
        }
        finally
        {
            _connecting.Release();
        }
    }

    internal async ValueTask<Http2Connection> GetConnection(CancellationToken cancellationToken)
    {
        if (_connection is { CanOpen: true } current)
        {
            return current;
        }

        await _connecting.WaitAsync(cancellationToken);
        try
        {
            if (_disposed)
            {
                throw new GrpcException(StatusCode.Cancelled, "the channel is closed");
            }

            if (_connection is { CanOpen: true } connected)
            {
                return connected;
            }

            var connection = await Http2Connection.Connect(Endpoint, Options, cancellationToken);
            _connection = connection;
            return connection;
        }
        finally
        {
            _connecting.Release();
        }
    }

    private static void Abandon(UnaryCall call, StatusCode code, string detail)
    {
        call.Abandoned = true;
        call.Connection?.Abandon(call);
        call.OnFailed(new GrpcException(code, detail));
    }
}
