using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Protobuf;

namespace Kine.Tests.Grpc;

/// <summary>A client that says exactly the bytes a test wants to say, over HTTP/2.</summary>
internal sealed class GrpcClient : IDisposable
{
    private readonly HttpClient _http;

    public GrpcClient(int port)
        : this($"127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}")
    {
    }

    /// <param name="address">host:port of a plain-text server.</param>
    public GrpcClient(string address)
        : this(new Uri("http://" + address), new SocketsHttpHandler())
    {
    }

    public GrpcClient(Uri address, SocketsHttpHandler handler)
    {
        _http = new HttpClient(handler)
        {
            BaseAddress = address,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    /// <summary>How long a server may take to its headers.</summary>
    public TimeSpan HeadersWithin
    {
        init => _http.Timeout = value;
    }

    /// <summary>A message with its five bytes in front.</summary>
    public static byte[] Frame(IMessage message) => Frame(message.ToByteArray());

    /// <summary>Bytes with five in front, which may claim any length.</summary>
    public static byte[] Frame(byte[] body, byte flag = 0, uint? claimedLength = null)
    {
        var frame = new byte[5 + body.Length];
        frame[0] = flag;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(1), claimedLength ?? (uint)body.Length);
        body.CopyTo(frame, 5);
        return frame;
    }

    /// <summary>A message compressed, with its five bytes in front.</summary>
    public static byte[] GzipFrame(byte[] body)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(body);
        }

        return Frame(packed.ToArray(), flag: 1);
    }

    /// <summary>A request with a gRPC body, not sent yet.</summary>
    public static HttpRequestMessage Request(string path, HttpContent content, params (string Name, string Value)[] headers)
    {
        if (!content.Headers.NonValidated.Contains("content-type"))
            content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");

        var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);

        return request;
    }

    /// <summary>One unary call with a message.</summary>
    public Task<GrpcAnswer> Call(string path, IMessage message, params (string Name, string Value)[] headers) =>
        Call(path, Frame(message), headers);

    /// <summary>One call with that body.</summary>
    public async Task<GrpcAnswer> Call(string path, byte[] body, params (string Name, string Value)[] headers)
    {
        using var request = Request(path, new ByteArrayContent(body), headers);
        using var response = await Send(request);
        return await GrpcAnswer.Read(response);
    }

    /// <summary>Sends a request and returns with the response's headers.</summary>
    public Task<HttpResponseMessage> Send(HttpRequestMessage request, CancellationToken cancellation = default) =>
        _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);

    public void Dispose() => _http.Dispose();
}
