using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Google.Protobuf;

namespace Kine.Tests.Wire;

/// <summary>
/// A gRPC client small enough to be read in one sitting: HttpClient's HTTP/2 and the frames on top. It knows nothing of the server's
/// code, so both sides misreading gRPC in the same way is unlikely; etcd answering it is the proof.
/// </summary>
public sealed class EtcdChannel : IDisposable
{
    private readonly HttpClient _http;

    /// <param name="address">host:port of a plain-text server.</param>
    /// <param name="oneConnection">True: all calls share one HTTP/2 connection, however many streams there are.</param>
    public EtcdChannel(string address, bool oneConnection = false)
    {
        Address = address;
        var handler = new SocketsHttpHandler
        {
            EnableMultipleHttp2Connections = !oneConnection,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            UseProxy = false,
            AllowAutoRedirect = false,
        };
        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri("http://" + address),
            Timeout = Timeout.InfiniteTimeSpan,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public string Address { get; }

    /// <summary>One request, one reply.</summary>
    /// <exception cref="RpcError">The call ended with another status than OK.</exception>
    public async Task<TReply> Unary<TReply>(string method, IMessage request, CallOptions? options = null, CancellationToken cancellation = default)
        where TReply : class, IMessage<TReply>, new()
    {
        TReply? reply = null;
        await foreach (var message in ServerStream<TReply>(method, request, options, cancellation))
        {
            reply = reply is null ? message : throw new RpcError(StatusCode.Internal, "two replies to a unary call");
        }

        return reply ?? throw new RpcError(StatusCode.Internal, "OK without a reply");
    }

    /// <summary>One request, any number of replies.</summary>
    public async IAsyncEnumerable<TReply> ServerStream<TReply>(
        string method,
        IMessage request,
        CallOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellation = default)
        where TReply : class, IMessage<TReply>, new()
    {
        options ??= CallOptions.None;
        var content = new ByteArrayContent(GrpcFrame.Encode(request, options.Gzip));
        using var response = await Open(method, content, options, cancellation);
        while (await ReadOrThrow<TReply>(response, cancellation) is { } message)
            yield return message;
    }

    /// <summary>Opens a stream both ways. The server's headers are awaited with the first read, as servers send them with their first message.</summary>
    public DuplexCall<TRequest, TReply> Duplex<TRequest, TReply>(string method, CallOptions? options = null)
        where TRequest : class, IMessage<TRequest>
        where TReply : class, IMessage<TReply>, new()
        => new(this, method, options ?? CallOptions.None);

    /// <summary>Sends raw bytes as the whole body of a call and gives the reply as it is.</summary>
    public Task<HttpResponseMessage> Raw(string method, byte[] body, string contentType = "application/grpc", CancellationToken cancellation = default)
    {
        var content = new ByteArrayContent(body);
        content.Headers.TryAddWithoutValidation("content-type", contentType);
        return Send(method, content, CallOptions.None, cancellation);
    }

    public void Dispose() => _http.Dispose();

    internal async Task<HttpResponseMessage> Open(string method, HttpContent content, CallOptions options, CancellationToken cancellation)
    {
        content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        var response = await Send(method, content, options, cancellation);
        if (response.StatusCode != HttpStatusCode.OK)
            throw new RpcError(StatusCode.Unknown, $"HTTP status {(int)response.StatusCode}");

        return response;
    }

    internal static async Task<TReply?> ReadOrThrow<TReply>(HttpResponseMessage response, CancellationToken cancellation)
        where TReply : class, IMessage<TReply>, new()
    {
        try
        {
            var stream = await response.Content.ReadAsStreamAsync(cancellation);
            if (await GrpcFrame.Read<TReply>(stream, cancellation) is { } message)
                return message;
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException)
        {
            throw new RpcError(StatusCode.Unavailable, broken.Message, broken);
        }
        ThrowUnlessOk(response);
        return null;
    }

    /// <summary>Reads grpc-status and grpc-message of a finished reply: from the trailers, or from the headers of a trailers-only one.</summary>
    public static (StatusCode Code, string Message)? StatusOf(HttpResponseMessage response)
    {
        foreach (var headers in new HttpHeaders[] { response.TrailingHeaders, response.Headers })
        {
            if (headers.NonValidated.TryGetValues("grpc-status", out var status))
            {
                var message = headers.NonValidated.TryGetValues("grpc-message", out var text) ? text.ToString() : "";
                return ((StatusCode)int.Parse(status.ToString()), Uri.UnescapeDataString(message));
            }
        }
        return null;
    }

    private static void ThrowUnlessOk(HttpResponseMessage response)
    {
        var (code, message) = StatusOf(response) ?? throw new RpcError(StatusCode.Internal, "the stream ended without grpc-status");
        if (code != StatusCode.OK)
            throw new RpcError(code, message);
    }

    private async Task<HttpResponseMessage> Send(string method, HttpContent content, CallOptions options, CancellationToken cancellation)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, method)
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        if (options.Gzip)
            request.Headers.TryAddWithoutValidation("grpc-encoding", "gzip");

        if (options.AcceptGzip)
            request.Headers.TryAddWithoutValidation("grpc-accept-encoding", "gzip");

        if (options.Timeout is { } timeout)
            request.Headers.TryAddWithoutValidation("grpc-timeout", timeout);

        foreach (var (name, value) in options.Metadata)
            request.Headers.TryAddWithoutValidation(name, value);

        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (HttpRequestException broken)
        {
            throw new RpcError(StatusCode.Unavailable, broken.InnerException?.Message ?? broken.Message, broken);
        }
    }
}
