using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using Google.Protobuf;
using Kine.Grains;

namespace Kine.Host.Grpc;

internal sealed partial class GrpcCall
{
    private const int PrefixLength = 5; // one byte flag, four bytes length, big-endian

    private readonly PipeReader _input;
    private bool _gzip;
    private bool _readingEnded;

    /// <summary>
    /// Lets a pending <see cref="Read"/>, and every later one, give null, as if the client had ended its side: for the writer of a stream that ends before its
    /// client does. May be called while the other task reads.
    /// </summary>
    public void EndReading()
    {
        Volatile.Write(ref _readingEnded, true);
        WakeReader();
    }

    private void WakeReader()
    {
        try
        {
            _input.CancelPendingRead();
        }
        catch (IOException)
        {
            // The client reset the stream: Kestrel says so here too, and the pending read ends with it by itself.
        }
    }

    /// <summary>The next message of a stream, null when the client has ended its side.</summary>
    /// <exception cref="EtcdException">It is too long, or malformed.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public async ValueTask<TMessage?> Read<TMessage>(MessageParser<TMessage> parser)
        where TMessage : class, IMessage<TMessage>
    {
        try
        {
            return await ReadMessage(parser);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw GrpcErrors.BadStreamMessage(e.Message);
        }
    }

    /// <summary>The one request message of a call whose client does not stream.</summary>
    /// <exception cref="EtcdException">There is none, more than one, or it is too long or malformed.</exception>
    /// <exception cref="OperationCanceledException">The call was cancelled.</exception>
    public async ValueTask<TMessage> ReadOnly<TMessage>(MessageParser<TMessage> parser)
        where TMessage : class, IMessage<TMessage>
    {
        TMessage message;
        try
        {
            message = await ReadMessage(parser) ?? throw GrpcErrors.NoRequestMessage;
        }
        catch (InvalidProtocolBufferException e)
        {
            throw GrpcErrors.BadRequestMessage(e.Message);
        }

        if (!_input.TryRead(out var rest))
        {
            rest = await WaitForInput();
        }

        while (true)
        {
            if (!rest.Buffer.IsEmpty)
            {
                throw GrpcErrors.SecondRequestMessage;
            }

            _input.AdvanceTo(rest.Buffer.End);
            if (rest.IsCompleted)
            {
                return message;
            }

            rest = await WaitForInput();
        }
    }

    /// <summary>Encoded length of the message read last, after decompression.</summary>
    public int MessageLength { get; private set; }

    private async ValueTask<TMessage?> ReadMessage<TMessage>(MessageParser<TMessage> parser)
        where TMessage : class, IMessage<TMessage>
    {
        PartialMessage? partial = null;
        try
        {
            if (!_input.TryRead(out var read))
            {
                read = await WaitForInput();
            }

            while (true)
            {
                var buffer = read.Buffer;
                if (Volatile.Read(ref _readingEnded))
                {
                    _input.AdvanceTo(buffer.Start);
                    return null;
                }

                if (partial is { IsLate: true })
                {
                    throw EtcdErrors.TimedOut;
                }

                if (buffer.Length >= PrefixLength)
                {
                    var length = ReadPrefix(buffer, out var compressed);
                    if (buffer.Length - PrefixLength >= length)
                    {
                        var body = buffer.Slice(PrefixLength, length);
                        var message = parser.ParseFrom(compressed ? GzipCodec.Decompress(body, GrpcLimits.MaxMessageLength) : body);
                        MessageLength = compressed ? message.CalculateSize() : length;
                        _input.AdvanceTo(body.End);
                        _stats?.Receive(MessageLength);
                        return message;
                    }

                    if (length > GrpcLimits.SmallMessageLength)
                    {
                        partial ??= _context.PartialMessages.Enter(length, WakeReader);
                    }
                }

                if (read.IsCompleted)
                {
                    return buffer.IsEmpty ? null : throw GrpcErrors.UnexpectedEnd;
                }

                _input.AdvanceTo(buffer.Start, buffer.End);
                read = await WaitForInput();
            }
        }
        finally
        {
            partial?.Dispose();
        }
    }

    private int ReadPrefix(ReadOnlySequence<byte> buffer, out bool compressed)
    {
        Span<byte> prefix = stackalloc byte[PrefixLength];
        buffer.Slice(0, PrefixLength).CopyTo(prefix);
        compressed = prefix[0] switch
        {
            0 => false,
            1 => _gzip ? true : throw GrpcErrors.CompressedWithoutEncoding,
            var other => throw GrpcErrors.BadPayloadFormat(other),
        };
        var length = BinaryPrimitives.ReadUInt32BigEndian(prefix[1..]);
        return length <= GrpcLimits.MaxMessageLength
            ? (int)length
            : throw GrpcErrors.MessageTooLarge(length, GrpcLimits.MaxMessageLength);
    }

    private async ValueTask<ReadResult> WaitForInput()
    {
        var cancellationToken = WatchedToken();
        try
        {
            return await _input.ReadAsync(cancellationToken);
        }
        catch (IOException) when (cancellationToken.IsCancellationRequested || ClientIsGone)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }
}
