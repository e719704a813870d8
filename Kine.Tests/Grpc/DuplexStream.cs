using System.Buffers.Binary;
using System.Net;
using Google.Protobuf;

namespace Kine.Tests.Grpc;

/// <summary>One gRPC stream, written and read by hand.</summary>
internal sealed class DuplexStream : IDisposable
{
    private readonly OpenContent _content;
    private readonly HttpRequestMessage _request;
    private readonly Task<HttpResponseMessage> _pending;
    private HttpResponseMessage? _response;
    private Stream? _body;

    private DuplexStream(OpenContent content, HttpRequestMessage request, Task<HttpResponseMessage> pending)
    {
        _content = content;
        _request = request;
        _pending = pending;
    }

    /// <summary>Code and text, once <see cref="Receive"/> has given null.</summary>
    public (StatusCode Code, string Message) Status { get; private set; }

    /// <summary>Of the response, once there is one.</summary>
    public string? ContentType => _response?.Content.Headers.ContentType?.ToString();

    public static async Task<DuplexStream> Open(GrpcClient client, string path, params (string Name, string Value)[] headers)
    {
        var content = new OpenContent();
        var request = GrpcClient.Request(path, content, headers);
        var pending = client.Send(request);
        await Task.WhenAny(content.Opened, pending);
        return new DuplexStream(content, request, pending);
    }

    public Task Send(IMessage message) => SendBytes(GrpcClient.Frame(message));

    public async Task SendBytes(byte[] bytes)
    {
        var stream = await _content.Opened;
        await stream.WriteAsync(bytes);
        await stream.FlushAsync();
    }

    public void CloseSend() => _content.Close();

    /// <summary>The next message, null at the end.</summary>
    public async Task<T?> Receive<T>(MessageParser<T> parser)
        where T : class, IMessage<T>
    {
        _response ??= await _pending;
        _body ??= await _response.Content.ReadAsStreamAsync();
        var prefix = new byte[5];
        if (await _body.ReadAtLeastAsync(prefix, prefix.Length, throwOnEndOfStream: false) == 0)
        {
            Status = GrpcAnswer.StatusOf(_response) ?? throw new InvalidOperationException($"HTTP {_response.StatusCode} without a status");
            return null;
        }

        var message = new byte[BinaryPrimitives.ReadUInt32BigEndian(prefix.AsSpan(1))];
        await _body.ReadExactlyAsync(message);
        return parser.ParseFrom(message);
    }

    public void Dispose()
    {
        _content.Close();
        _response?.Dispose();
        _request.Dispose();
    }

    private sealed class OpenContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Stream> Opened => _opened.Task;

        public void Close() => _closed.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync();
            _opened.SetResult(stream);
            await _closed.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
