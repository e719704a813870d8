using System.Buffers.Binary;
using System.Threading.Channels;
using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <summary>
/// A duplex or server-streaming call. Messages that are not read hold the server back once they fill the stream's window
/// (<see cref="EtcdChannelOptions.StreamWindow"/>). One reader at a time; writers queue.
/// </summary>
public sealed class EtcdStream : Http2Stream, IAsyncDisposable
{
    private readonly Channel<byte[]> _messages = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private readonly SemaphoreSlim _writing = new(1);
    private readonly WireBuffer _partial = new();
    private readonly Http2Connection _connection;
    private CancellationTokenSource? _deadline;
    private bool _writesCompleted;

    internal EtcdStream(Http2Connection connection)
    {
        ResetStatus();
        _connection = connection;
    }

    internal override bool AcknowledgesOnReceipt => false;

    /// <summary>Sends one message; completes when all of it has been handed to the connection (flow control may hold it back).</summary>
    /// <exception cref="GrpcException">The stream is over.</exception>
    public async ValueTask Write(ReadOnlyMemory<byte> message, CancellationToken cancellationToken = default)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_writesCompleted, this);
            await _connection.Send(this, message, hasMessage: true, ends: false);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Says that no more messages will be written.</summary>
    public async ValueTask CompleteWrites(CancellationToken cancellationToken = default)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            if (_writesCompleted)
            {
                return;
            }

            _writesCompleted = true;
            await _connection.Send(this, default, hasMessage: false, ends: true);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>The next message, or null when the server ended the stream with OK.</summary>
    /// <exception cref="GrpcException">The stream ended with another status; messages before that are given first.</exception>
    public async ValueTask<byte[]?> Read(CancellationToken cancellationToken = default)
    {
        try
        {
            var message = await _messages.Reader.ReadAsync(cancellationToken);
            _connection.Acknowledge(this, message.Length + PrefixSize);
            return message;
        }
        catch (ChannelClosedException closed) when (closed.InnerException is GrpcException failure)
        {
            throw new GrpcException(failure.Code, failure.Detail, failure);
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    /// <summary>Cancels the call unless it is over.</summary>
    public ValueTask DisposeAsync()
    {
        _deadline?.Dispose();
        Abandon(new GrpcException(StatusCode.Cancelled, "the stream was disposed"));
        return ValueTask.CompletedTask;
    }

    internal override void OnData(ReadOnlySpan<byte> data)
    {
        _partial.Write(data);
        var rest = _partial.Span;
        while (rest.Length >= PrefixSize)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest[1..]);
            if (rest[0] != 0 || length > int.MaxValue / 2)
            {
                Abandon(new GrpcException(StatusCode.Internal, "a message of the stream is compressed or too long"));
                return;
            }

            if (rest.Length - PrefixSize < length)
            {
                break;
            }

            _messages.Writer.TryWrite(rest.Slice(PrefixSize, (int)length).ToArray());
            rest = rest[(PrefixSize + (int)length)..];
        }

        if (rest.Length == _partial.Length)
        {
            return;
        }

        var remaining = rest.Length;
        rest.CopyTo(_partial.At(0, remaining));
        _partial.Clear();
        _partial.Advance(remaining);
    }

    internal override void OnEnd()
    {
        var failure = StatusFailure();
        if (failure is null && _partial.Length > 0)
        {
            failure = new GrpcException(StatusCode.Internal, "the stream ended inside a message");
        }

        _messages.Writer.TryComplete(failure);
    }

    internal override void OnFailed(GrpcException failure) => _messages.Writer.TryComplete(failure);

    internal void EndAfter(TimeSpan timeout)
    {
        _deadline = new CancellationTokenSource(timeout);
        _deadline.Token.UnsafeRegister(
            static state => ((EtcdStream)state!).Abandon(new GrpcException(StatusCode.DeadlineExceeded, "context deadline exceeded")),
            this);
    }

    private void Abandon(GrpcException failure)
    {
        _connection.Abandon(this);
        OnFailed(failure);
    }
}
