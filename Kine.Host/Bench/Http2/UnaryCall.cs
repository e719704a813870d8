using System.Buffers.Binary;
using System.Threading.Tasks.Sources;
using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <summary>
/// A unary call that is used again and again: one <see cref="Send"/> at a time, no allocation once its reply buffer has grown.
/// For everyday calls <see cref="EtcdChannel.Unary(string, ReadOnlyMemory{byte}, CallOptions?, CancellationToken)"/> is handier.
/// </summary>
public sealed class UnaryCall : Http2Stream, IValueTaskSource
{
    private readonly EtcdChannel _channel;
    private readonly WireBuffer _reply = new();
    private ManualResetValueTaskSourceCore<bool> _completion;
    private int _completed = 1;

    internal UnaryCall(EtcdChannel channel)
    {
        _channel = channel;
        _completion.RunContinuationsAsynchronously = !channel.Options.InlineContinuations;
    }

    /// <summary>The reply message of the last call that succeeded; valid until the next <see cref="Send"/>.</summary>
    public ReadOnlyMemory<byte> Reply => _reply.Memory[PrefixSize..];

    internal override bool AcknowledgesOnReceipt => true;

    /// <summary>Sends a request and waits for the whole reply.</summary>
    /// <param name="path">The method, for example <c>/etcdserverpb.KV/Range</c>.</param>
    /// <param name="request">The encoded message; must not change until the call is over.</param>
    /// <param name="options">Metadata and deadline header; this form does not enforce the deadline on its own.</param>
    /// <exception cref="GrpcException">The call ended with another status than OK.</exception>
    public ValueTask Send(string path, ReadOnlyMemory<byte> request, CallOptions? options = null)
    {
        if (Interlocked.Exchange(ref _completed, 0) == 0)
        {
            throw new InvalidOperationException("the call before is not over");
        }

        _completion.Reset();
        ResetStatus();
        _reply.Clear();
        SetOutbound(request, hasMessage: true, ends: true);
        if (_channel.CurrentConnection is not { } connection || !connection.TryOpen(this, path, options))
        {
            _ = OpenLater(path, options);
        }

        return new ValueTask(this, _completion.Version);
    }

    void IValueTaskSource.GetResult(short token) => _completion.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);

    internal override void OnData(ReadOnlySpan<byte> data) => _reply.Write(data);

    internal override void OnEnd()
    {
        var failure = StatusFailure() ?? FramingFailure();
        if (failure is not null)
        {
            OnFailed(failure);
        }
        else if (Interlocked.Exchange(ref _completed, 1) == 0)
        {
            _completion.SetResult(true);
        }
    }

    internal override void OnFailed(GrpcException failure)
    {
        if (Interlocked.Exchange(ref _completed, 1) == 0)
        {
            _completion.SetException(failure);
        }
    }

    private async Task OpenLater(string path, CallOptions? options)
    {
        try
        {
            while (!(await _channel.GetConnection(CancellationToken.None)).TryOpen(this, path, options))
            {
            }
        }
        catch (GrpcException failure)
        {
            OnFailed(failure);
        }
    }

    private GrpcException? FramingFailure()
    {
        var reply = _reply.Span;
        return reply.Length >= PrefixSize && reply[0] == 0 && BinaryPrimitives.ReadUInt32BigEndian(reply[1..]) == reply.Length - PrefixSize
            ? null
            : new GrpcException(StatusCode.Internal, $"the reply of {reply.Length} bytes is not one uncompressed message");
    }
}
