using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Kine.Grains;
using Microsoft.AspNetCore.Http.Features;

namespace Kine.Host.Grpc;

/// <summary>
/// The messages of a call on their way to the library, which reads and unpacks them. Looks at each one's first five bytes as soon as they are here: what
/// is too long or malformed is refused with etcd's words before it arrives, and what is announced counts against one limit of all calls.
/// </summary>
/// <param name="inner">The request's body.</param>
/// <param name="single">True when the client sends one message.</param>
/// <param name="compressed">True when messages may be compressed.</param>
/// <param name="partials">The room for messages that are not whole yet.</param>
internal sealed class RequestBody(PipeReader inner, bool single, bool compressed, PartialMessages partials) : PipeReader, IRequestBodyPipeFeature, IDisposable
{
    private PartialMessage? _partial;
    private bool _seen;

    public PipeReader Reader => this;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(cancellationToken);
        return read.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Look(read.Result)) : Wait(read, cancellationToken);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
            return false;

        result = Look(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    /// <summary>Gives back the room of a message that never came.</summary>
    public void Dispose() => _partial?.Dispose();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> Wait(ValueTask<ReadResult> pending, CancellationToken cancellationToken)
    {
        ReadResult read;
        try
        {
            read = await pending;
        }
        catch (Exception gone) when (gone is IOException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            throw GrpcErrors.Cancelled; // The stream was reset, or its connection is gone.
        }

        return Look(read);
    }

    // The buffer begins where a message begins, for the library takes whole ones.
    private ReadResult Look(ReadResult read)
    {
        var buffer = read.Buffer;
        if (_partial is { IsLate: true })
            throw GrpcErrors.Of(EtcdErrors.TimedOut);

        if (single && _seen)
            return buffer.IsEmpty ? read : throw GrpcErrors.SecondRequestMessage;

        var length = buffer.Length >= GrpcLimits.PrefixLength ? ReadPrefix(buffer) : 0;
        if (buffer.Length >= GrpcLimits.PrefixLength + length)
        {
            _partial?.Dispose();
            _partial = null;
            _seen = true;
            return single && buffer.Length > GrpcLimits.PrefixLength + length ? throw GrpcErrors.SecondRequestMessage : read;
        }

        if (read.IsCompleted)
            return !buffer.IsEmpty ? throw GrpcErrors.UnexpectedEnd : single ? throw GrpcErrors.NoRequestMessage : read;

        if (!buffer.IsEmpty)
            _partial ??= partials.Enter(Math.Max(length, GrpcLimits.PrefixLength), Wake);

        return read;
    }

    private int ReadPrefix(ReadOnlySequence<byte> buffer)
    {
        Span<byte> prefix = stackalloc byte[GrpcLimits.PrefixLength];
        buffer.Slice(0, GrpcLimits.PrefixLength).CopyTo(prefix);
        if (prefix[0] > 1)
            throw GrpcErrors.BadPayloadFormat(prefix[0]);

        if (prefix[0] == 1 && !compressed)
            throw GrpcErrors.CompressedWithoutEncoding;

        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        return length <= GrpcLimits.MaxMessageLength ? (int)length : throw GrpcErrors.MessageTooLarge(length, GrpcLimits.MaxMessageLength);
    }

    private void Wake()
    {
        try
        {
            inner.CancelPendingRead();
        }
        catch (IOException)
        {
            // The client reset the stream: Kestrel says so here too, and the pending read ends with it by itself.
        }
    }
}
