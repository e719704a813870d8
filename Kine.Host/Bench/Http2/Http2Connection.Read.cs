using System.Buffers.Binary;
using System.Net.Sockets;
using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <content>The receiving half, run by the read loop alone.</content>
internal sealed partial class Http2Connection
{
    private const int OwnFrameSize = 16 * 1024; // bytes, the protocol's default, which we leave as it is
    private const int ReceiveBuffer = 128 * 1024; // bytes
    private const int LargestHeaderBlock = 256 * 1024; // bytes

    private readonly HpackDecoder _decoder;
    private readonly WireBuffer _headerBlock = new();
    private int _headerStreamId; // of the block that CONTINUATION frames must go on with; 0 = none
    private bool _headerEndsStream;
    private int _receivedUnacknowledged;

    /// <summary>With inline continuations the loop has a thread and a blocking socket: two system calls a batch instead of four.</summary>
    private void StartReading()
    {
        if (_options.InlineContinuations)
        {
            new Thread(() => ReadLoop().GetAwaiter().GetResult()) { IsBackground = true, Name = "http2 read" }.Start();
        }
        else
        {
            _ = ReadLoop();
        }
    }

    private async Task ReadLoop()
    {
        var buffer = new byte[ReceiveBuffer];
        var end = 0;
        try
        {
            while (true)
            {
                var received = _options.InlineContinuations
                    ? _transport.Read(buffer.AsSpan(end))
                    : await _transport.ReadAsync(buffer.AsMemory(end));
                if (received == 0)
                {
                    throw new IOException("closed by the server");
                }

                end += received;
                var start = Dispatch(buffer.AsSpan(0, end));
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                end -= start;
            }
        }
        catch (Http2Exception error)
        {
            lock (_gate)
            {
                WriteGoAway(error.Code);
            }

            await FlushLast();
            Abort(new GrpcException(StatusCode.Internal, $"HTTP/2: {error.Message}", error));
        }
        catch (Exception error)
        {
            // Whatever it was reaches every caller; nobody is left waiting on a loop that is gone.
            var lost = error is IOException or SocketException or ObjectDisposedException;
            Abort(new GrpcException(lost ? StatusCode.Unavailable : StatusCode.Internal, $"connection lost: {error.Message}", error));
        }

        FailAll();
        if (_settingsReceived.TrySetException(_failure!))
        {
            _ = _settingsReceived.Task.Exception; // observed: a caller that stopped waiting has its own error
        }

        _ended.TrySetResult();
    }

    private async Task FlushLast()
    {
        bool flush;
        lock (_gate)
        {
            _dispatching = false;
            flush = TakeFlush();
        }

        if (flush)
        {
            await Flush();
        }
    }

    /// <summary>Handles all whole frames and gives the number of bytes they took.</summary>
    private int Dispatch(ReadOnlySpan<byte> received)
    {
        if (_options.InlineContinuations)
        {
            lock (_gate)
            {
                _dispatching = true;
            }
        }

        var taken = 0;
        while (received.Length - taken >= FrameHeader.Size)
        {
            var header = FrameHeader.Read(received[taken..]);
            if (!_settingsReceived.Task.IsCompleted && header.Type != FrameType.Settings)
            {
                throw new Http2Exception(Http2ErrorCode.ProtocolError, "the server does not speak HTTP/2 (its first frame is not SETTINGS)");
            }

            if (header.Length > OwnFrameSize)
            {
                throw new Http2Exception(Http2ErrorCode.FrameSizeError, $"frame of {header.Length} bytes");
            }

            if (received.Length - taken - FrameHeader.Size < header.Length)
            {
                break;
            }

            OnFrame(header, received.Slice(taken + FrameHeader.Size, header.Length));
            taken += FrameHeader.Size + header.Length;
        }

        bool flush;
        lock (_gate)
        {
            _dispatching = false;
            if (_draining && _streams.Count == 0)
            {
                throw new IOException("the server went away");
            }

            flush = _filling.Length > 0 && TakeFlush();
        }

        if (flush)
        {
            _ = Flush();
        }

        return taken;
    }

    private void OnFrame(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (_headerStreamId != 0 && (header.Type != FrameType.Continuation || header.StreamId != _headerStreamId))
        {
            throw new Http2Exception(Http2ErrorCode.ProtocolError, $"{header.Type} inside a header block");
        }

        switch (header.Type)
        {
            case FrameType.Data:
                OnData(header, payload);
                break;
            case FrameType.Headers:
                OnHeaders(header, payload);
                break;
            case FrameType.Continuation:
                OnContinuation(header, payload);
                break;
            case FrameType.RstStream:
                OnReset(header.StreamId, (Http2ErrorCode)ReadNumber(payload));
                break;
            case FrameType.Settings:
                OnSettings(header, payload);
                break;
            case FrameType.Ping:
                OnPing(header, payload);
                break;
            case FrameType.GoAway:
                OnGoAway(payload);
                break;
            case FrameType.WindowUpdate:
                OnWindowUpdate(header.StreamId, (int)(ReadNumber(payload) & int.MaxValue));
                break;
            case FrameType.PushPromise:
                throw new Http2Exception(Http2ErrorCode.ProtocolError, "push, which was refused");
        }
    }

    private void OnData(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        var data = WithoutPadding(header, payload);
        var ends = header.Has(FrameFlags.EndStream);
        Http2Stream? stream;
        lock (_gate)
        {
            _receivedUnacknowledged += payload.Length;
            if (_receivedUnacknowledged >= _options.ConnectionWindow / 2)
            {
                WriteWindowUpdate(0, _receivedUnacknowledged);
                _receivedUnacknowledged = 0;
            }

            if (!_streams.TryGetValue(header.StreamId, out stream))
            {
                return;
            }

            stream.ReceivedUnacknowledged += stream.AcknowledgesOnReceipt ? payload.Length : payload.Length - data.Length;
            if (!ends && stream.ReceivedUnacknowledged >= _options.StreamWindow / 2)
            {
                WriteWindowUpdate(stream.Id, stream.ReceivedUnacknowledged);
                stream.ReceivedUnacknowledged = 0;
            }
        }

        stream.OnData(data);
        if (ends)
        {
            End(stream);
        }
    }

    private void OnHeaders(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        var block = WithoutPadding(header, payload);
        if (header.Has(FrameFlags.Priority))
        {
            if (block.Length < 5)
            {
                throw new Http2Exception(Http2ErrorCode.FrameSizeError, "HEADERS too short for its priority");
            }

            block = block[5..];
        }

        if (header.Has(FrameFlags.EndHeaders))
        {
            OnHeaderBlock(header.StreamId, block, header.Has(FrameFlags.EndStream));
            return;
        }

        _headerStreamId = header.StreamId;
        _headerEndsStream = header.Has(FrameFlags.EndStream);
        _headerBlock.Clear();
        _headerBlock.Write(block);
    }

    private void OnContinuation(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (_headerStreamId == 0)
        {
            throw new Http2Exception(Http2ErrorCode.ProtocolError, "CONTINUATION without HEADERS");
        }

        if (_headerBlock.Length + payload.Length > LargestHeaderBlock)
        {
            throw new Http2Exception(Http2ErrorCode.EnhanceYourCalm, "header block too large");
        }

        _headerBlock.Write(payload);
        if (!header.Has(FrameFlags.EndHeaders))
        {
            return;
        }

        _headerStreamId = 0;
        OnHeaderBlock(header.StreamId, _headerBlock.Span, _headerEndsStream);
    }

    private void OnHeaderBlock(int streamId, ReadOnlySpan<byte> block, bool endStream)
    {
        Http2Stream? stream;
        lock (_gate)
        {
            _streams.TryGetValue(streamId, out stream);
        }

        // A block of a stream that was given up still changes the decoder's table.
        _decoder.Decode(block, (IHeaderSink?)stream ?? NoHeaderSink.Instance);
        if (endStream && stream is not null)
        {
            End(stream);
        }
    }

    private void End(Http2Stream stream)
    {
        lock (_gate)
        {
            if (!_streams.ContainsKey(stream.Id))
            {
                return;
            }

            if (!stream.LocalClosed)
            {
                WriteReset(stream.Id, Http2ErrorCode.NoError);
            }

            Remove(stream);
        }

        stream.OnEnd();
    }

    private void OnReset(int streamId, Http2ErrorCode code)
    {
        Http2Stream? stream;
        lock (_gate)
        {
            if (!_streams.TryGetValue(streamId, out stream))
            {
                return;
            }

            Remove(stream);
        }

        var status = code switch
        {
            Http2ErrorCode.RefusedStream => StatusCode.Unavailable,
            Http2ErrorCode.Cancel => StatusCode.Cancelled,
            Http2ErrorCode.EnhanceYourCalm => StatusCode.ResourceExhausted,
            _ => StatusCode.Internal,
        };
        stream.OnFailed(new GrpcException(status, $"the server reset the stream ({code})"));
    }

    private void OnSettings(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (header.Has(FrameFlags.Ack))
        {
            return;
        }

        if (payload.Length % 6 != 0)
        {
            throw new Http2Exception(Http2ErrorCode.FrameSizeError, "SETTINGS of a wrong size");
        }

        lock (_gate)
        {
            for (; !payload.IsEmpty; payload = payload[6..])
            {
                ApplySetting(BinaryPrimitives.ReadUInt16BigEndian(payload), BinaryPrimitives.ReadUInt32BigEndian(payload[2..]));
            }

            _filling.WriteFrameHeader(new FrameHeader(0, FrameType.Settings, FrameFlags.Ack, 0));
            PushBlocked();
        }

        _settingsReceived.TrySetResult();
    }

    private void ApplySetting(ushort id, uint value)
    {
        switch (id)
        {
            case SettingTableSize:
                _encoder.SetTableLimit(value);
                break;
            case SettingStreamLimit:
                _peerStreamLimit = value;
                break;
            case SettingStreamWindow:
                if (value > int.MaxValue)
                {
                    throw new Http2Exception(Http2ErrorCode.FlowControlError, "stream window above 2^31-1");
                }

                foreach (var stream in _streams.Values)
                {
                    stream.SendWindow += (int)value - _peerStreamWindow;
                }

                _peerStreamWindow = (int)value;
                break;
            case SettingFrameSize:
                if (value is < 16_384 or > 16_777_215)
                {
                    throw new Http2Exception(Http2ErrorCode.ProtocolError, "frame size out of bounds");
                }

                _peerFrameSize = (int)value;
                break;
        }
    }

    private void OnPing(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (payload.Length != 8)
        {
            throw new Http2Exception(Http2ErrorCode.FrameSizeError, "PING of a wrong size");
        }

        if (header.Has(FrameFlags.Ack))
        {
            return;
        }

        lock (_gate)
        {
            _filling.WriteFrameHeader(new FrameHeader(8, FrameType.Ping, FrameFlags.Ack, 0));
            _filling.Write(payload);
        }
    }

    private void OnGoAway(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 8)
        {
            throw new Http2Exception(Http2ErrorCode.FrameSizeError, "GOAWAY too short");
        }

        var lastStreamId = BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue;
        var code = (Http2ErrorCode)BinaryPrimitives.ReadUInt32BigEndian(payload[4..]);
        List<Http2Stream> refused;
        lock (_gate)
        {
            _draining = true;
            refused = [.. _streams.Values.Where(stream => stream.Id > lastStreamId), .. _waiting.Select(entry => entry.Stream)];
            _waiting.Clear();
            foreach (var stream in refused)
            {
                Remove(stream);
            }
        }

        foreach (var stream in refused)
        {
            stream.OnFailed(new GrpcException(StatusCode.Unavailable, $"the server is going away ({code}) and did not take the call"));
        }
    }

    private void OnWindowUpdate(int streamId, int bytes)
    {
        if (bytes == 0)
        {
            throw new Http2Exception(Http2ErrorCode.ProtocolError, "WINDOW_UPDATE of 0 bytes");
        }

        lock (_gate)
        {
            if (streamId == 0)
            {
                _sendWindow += bytes;
            }
            else if (_streams.TryGetValue(streamId, out var stream))
            {
                stream.SendWindow += bytes;
            }

            PushBlocked();
        }
    }

    private static uint ReadNumber(ReadOnlySpan<byte> payload) => payload.Length == 4
        ? BinaryPrimitives.ReadUInt32BigEndian(payload)
        : throw new Http2Exception(Http2ErrorCode.FrameSizeError, "frame of a wrong size");

    private static ReadOnlySpan<byte> WithoutPadding(FrameHeader header, ReadOnlySpan<byte> payload)
    {
        if (!header.Has(FrameFlags.Padded))
        {
            return payload;
        }

        if (payload.IsEmpty || payload[0] >= payload.Length)
        {
            throw new Http2Exception(Http2ErrorCode.ProtocolError, "padding longer than its frame");
        }

        return payload[1..^payload[0]];
    }
}
