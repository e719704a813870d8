using System.Buffers.Binary;
using System.IO.Pipelines;
using Google.Protobuf;

namespace Kine.Host.Grpc;

internal sealed partial class GrpcCall
{
    private bool _wrote;
    private long _openBytes;

    /// <summary>
    /// The reply stream, for the body of a message begun with <see cref="BeginMessage"/>: write into its spans, or whole segments with
    /// <c>Write</c>, and report each with <see cref="Wrote"/>. Nothing is sent before <see cref="Flush"/> or the end of the call.
    /// </summary>
    public PipeWriter Output { get; }

    /// <summary>Bytes written since the last flush; past <see cref="GrpcLimits.FlushThreshold"/> a writer should flush.</summary>
    public long UnflushedBytes => Output.UnflushedBytes;

    /// <summary>Begins a message whose body has exactly that many bytes. They must all be written before the next message begins.</summary>
    /// <exception cref="Kine.Grains.EtcdException">Longer than gRPC can say.</exception>
    public void BeginMessage(long length) => BeginMessage(length, compressed: false);

    /// <summary>Writes bytes of the message begun; they may be any part of it.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var span = Output.GetSpan();
            var count = Math.Min(span.Length, bytes.Length);
            bytes[..count].CopyTo(span);
            Output.Advance(count);
            bytes = bytes[count..];
            _openBytes -= count;
        }
    }

    /// <summary>Reports bytes of the message begun that were written into <see cref="Output"/> directly.</summary>
    public void Wrote(int count) => _openBytes -= count;

    /// <summary>Writes a whole message, without sending it; compressed when the client compresses too.</summary>
    public void WriteMessage(IMessage message)
    {
        var length = message.CalculateSize();
        if (_gzip && length is > 0 and <= GrpcLimits.MaxCompressedReply)
        {
            var packed = GzipCodec.Compress(message.ToByteArray());
            BeginMessage(packed.Length, compressed: true);
            Write(packed.Span);
            return;
        }

        BeginMessage(length, compressed: false);
        message.WriteTo(Output);
        Wrote(length);
    }

    /// <summary>Writes a message that is at hand in encoded form, compressed when the client compresses too.</summary>
    public void WriteMessage(ReadOnlySpan<byte> encoded)
    {
        if (_gzip && encoded.Length is > 0 and <= GrpcLimits.MaxCompressedReply)
        {
            var packed = GzipCodec.Compress(encoded);
            BeginMessage(packed.Length, compressed: true);
            Write(packed.Span);
            return;
        }

        BeginMessage(encoded.Length, compressed: false);
        Write(encoded);
    }

    /// <summary>True when replies may be compressed, because the client's messages are.</summary>
    public bool CompressesReplies => _gzip;

    /// <summary>Sends what was written, and waits while the client is slow to take it.</summary>
    /// <exception cref="OperationCanceledException">The client is gone, or the call was cancelled meanwhile.</exception>
    public ValueTask Flush()
    {
        CancellationToken.ThrowIfCancellationRequested();
        var flush = Output.FlushAsync(CancellationToken.None);
        if (!flush.IsCompletedSuccessfully)
        {
            return FlushSlowly(flush);
        }

        return flush.Result.IsCompleted ? throw new OperationCanceledException() : ValueTask.CompletedTask;
    }

    private async ValueTask FlushSlowly(ValueTask<FlushResult> flush)
    {
        // A token given to FlushAsync would make Kestrel abort the stream, and no status could be sent; a cancelled wait leaves it usable.
        var cancellationToken = WatchedToken();
        using var registration = cancellationToken.UnsafeRegister(static o => ((PipeWriter)o!).CancelPendingFlush(), Output);
        var result = await flush;
        // Kestrel does not always say that the wait was cancelled, so the token is asked too.
        cancellationToken.ThrowIfCancellationRequested();
        if (result.IsCanceled || result.IsCompleted)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private void BeginMessage(long length, bool compressed)
    {
        if (length > int.MaxValue)
        {
            throw GrpcErrors.ReplyTooLarge(length);
        }

        if (_openBytes != 0)
        {
            throw new InvalidOperationException("The message before was not written to its end.");
        }

        if (!_wrote)
        {
            WriteHeaders();
        }

        var prefix = Output.GetSpan(PrefixLength);
        prefix[0] = compressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[1..], (uint)length);
        Output.Advance(PrefixLength);
        _openBytes = length;
        _stats?.Send(length);
    }
}
