using System.Net;
using Google.Protobuf;
using Kine.Grains;

namespace Kine.Tests.Wire;

/// <summary>A stream both ways: writes and reads are independent, each from one caller at a time.</summary>
public sealed class DuplexCall<TRequest, TReply> : IDisposable
    where TRequest : class, IMessage<TRequest>
    where TReply : class, IMessage<TReply>, new()
{
    private readonly OutgoingStream _outgoing = new();
    private readonly CancellationTokenSource _reset = new();
    private readonly Task<HttpResponseMessage> _response;

    internal DuplexCall(EtcdChannel channel, string method, CallOptions options)
    {
        _response = channel.Open(method, _outgoing, options, _reset.Token);
        // A call that nobody reads may fail: its reader is told, an unobserved exception would tell nobody.
        _response.ContinueWith(static failed => _ = failed.Exception, TaskContinuationOptions.OnlyOnFaulted);
    }

    public async Task Write(TRequest message, CancellationToken cancellation = default)
        => await WriteRaw(GrpcFrame.Encode(message), cancellation);

    public async Task WriteRaw(byte[] bytes, CancellationToken cancellation = default)
    {
        var opened = await Task.WhenAny(_outgoing.Opened, _response).WaitAsync(cancellation);
        if (opened == _response && !_outgoing.Opened.IsCompleted)
            await _response;

        var stream = await _outgoing.Opened;
        try
        {
            await stream.WriteAsync(bytes, cancellation);
            await stream.FlushAsync(cancellation);
        }
        catch (Exception broken) when (broken is HttpRequestException or IOException)
        {
            throw new RpcError(StatusCode.Unavailable, broken.Message, broken);
        }
    }

    /// <summary>The next reply; null when the server ended the call with OK.</summary>
    /// <exception cref="RpcError">The call ended with another status, or broke.</exception>
    public async Task<TReply?> Read(CancellationToken cancellation = default)
        => await EtcdChannel.ReadOrThrow<TReply>(await _response.WaitAsync(cancellation), cancellation);

    /// <summary>Says that nothing more will be written.</summary>
    public void CloseWrites() => _outgoing.Close();

    /// <summary>Resets the stream if it is still open.</summary>
    public void Dispose()
    {
        _reset.Cancel();
        _outgoing.Close();
        if (_response.IsCompletedSuccessfully)
            _response.Result.Dispose();
    }

    private sealed class OutgoingStream : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Stream> Opened => _opened.Task;

        public void Close() => _closed.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            // Flushing sends the headers, so that a server sees the call before its first message.
            await stream.FlushAsync(cancellationToken);
            _opened.TrySetResult(stream);
            await _closed.Task.WaitAsync(cancellationToken);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context)
            => SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
