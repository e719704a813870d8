using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <summary>
/// One call's stream on a connection. The fields marked as the connection's are read and written under its lock; the callbacks
/// come from its read loop, outside of the lock.
/// </summary>
public abstract class Http2Stream : IHeaderSink
{
    private protected const int PrefixSize = 5; // compressed flag and big-endian length before each gRPC message

    private int _httpStatus;
    private int _grpcStatus;
    private string? _grpcMessage;

    private protected Http2Stream()
    {
    }

    // The connection's: 0 until the stream is opened, its number from then on.
    internal int Id { get; set; }

    internal long SendWindow { get; set; }

    internal int ReceivedUnacknowledged { get; set; }

    /// <summary>Set by a caller who gave up: a stream that still waits for a connection or a free slot is then never sent.</summary>
    internal volatile bool Abandoned;

    internal volatile Http2Connection? Connection;

    internal bool LocalClosed { get; set; }

    // The connection's: the message that is on its way out, and how much of prefix and message together was framed.
    internal ReadOnlyMemory<byte> Outbound { get; set; }

    internal int OutboundSent { get; set; }

    internal int OutboundSize { get; set; }

    internal bool OutboundEnds { get; set; }

    internal TaskCompletionSource? OutboundDone { get; set; }

    internal bool OutboundPending => OutboundSent < OutboundSize || (OutboundEnds && !LocalClosed);

    /// <summary>True if received bytes may be acknowledged at once; false if that waits until the caller has read them.</summary>
    internal abstract bool AcknowledgesOnReceipt { get; }

    void IHeaderSink.OnHeader(HeaderField field)
    {
        switch (field.Kind)
        {
            case HeaderKind.Status:
                _httpStatus = field.Number;
                break;
            case HeaderKind.GrpcStatus:
                _grpcStatus = field.Number;
                break;
            case HeaderKind.GrpcMessage:
                _grpcMessage = Uri.UnescapeDataString(field.Value);
                break;
        }
    }

    internal void SetOutbound(ReadOnlyMemory<byte> message, bool hasMessage, bool ends)
    {
        Outbound = message;
        OutboundSent = 0;
        OutboundSize = hasMessage ? PrefixSize + message.Length : 0;
        OutboundEnds = ends;
    }

    /// <summary>Copies a part of prefix and message, seen as one run of bytes.</summary>
    internal void CopyOutbound(int offset, Span<byte> target)
    {
        if (offset < PrefixSize)
        {
            Span<byte> prefix = stackalloc byte[PrefixSize];
            prefix[0] = 0;
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(prefix[1..], Outbound.Length);
            var part = prefix[offset..Math.Min(PrefixSize, offset + target.Length)];
            part.CopyTo(target);
            target = target[part.Length..];
            offset = PrefixSize;
        }

        Outbound.Span.Slice(offset - PrefixSize, target.Length).CopyTo(target);
    }

    internal abstract void OnData(ReadOnlySpan<byte> data);

    /// <summary>The server closed its direction; trailers, if any, were given before.</summary>
    internal abstract void OnEnd();

    /// <summary>The stream ended otherwise. May come from any thread and more than once.</summary>
    internal abstract void OnFailed(GrpcException failure);

    private protected void ResetStatus()
    {
        Id = 0;
        SendWindow = 0;
        ReceivedUnacknowledged = 0;
        Abandoned = false;
        Connection = null;
        LocalClosed = false;
        OutboundDone = null;
        _httpStatus = -1;
        _grpcStatus = -1;
        _grpcMessage = null;
    }

    /// <summary>The failure that the trailers tell of, or null when they say OK.</summary>
    private protected GrpcException? StatusFailure()
    {
        if (_grpcStatus == 0)
        {
            return null;
        }

        if (_grpcStatus > 0)
        {
            return new GrpcException((StatusCode)_grpcStatus, _grpcMessage ?? "");
        }

        // A reply that is not gRPC's: gRPC's own table says what its HTTP status stands for.
        var code = _httpStatus switch
        {
            401 => StatusCode.Unauthenticated,
            403 => StatusCode.PermissionDenied,
            404 => StatusCode.Unimplemented,
            429 or 502 or 503 or 504 => StatusCode.Unavailable,
            400 => StatusCode.Internal,
            _ => StatusCode.Unknown,
        };
        return new GrpcException(code, $"the reply has no grpc-status (HTTP status {_httpStatus})");
    }
}
