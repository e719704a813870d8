using Kine.Grains;

namespace Kine.Host.Bench.Http2;

/// <content>The sending half: all but <see cref="Flush"/> runs under the lock.</content>
internal sealed partial class Http2Connection
{
    private const ushort SettingTableSize = 1;
    private const ushort SettingEnablePush = 2;
    private const ushort SettingStreamLimit = 3;
    private const ushort SettingStreamWindow = 4;
    private const ushort SettingFrameSize = 5;

    private void WritePreface()
    {
        _filling.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        _filling.WriteFrameHeader(new FrameHeader(12, FrameType.Settings, FrameFlags.None, 0));
        WriteSetting(SettingEnablePush, 0);
        WriteSetting(SettingStreamWindow, (uint)_options.StreamWindow);
        if (_options.ConnectionWindow > DefaultWindow)
        {
            WriteWindowUpdate(0, _options.ConnectionWindow - DefaultWindow);
        }
    }

    private void WriteSetting(ushort id, uint value)
    {
        _filling.WriteByte((byte)(id >> 8));
        _filling.WriteByte((byte)id);
        _filling.WriteUInt32(value);
    }

    private void WriteWindowUpdate(int streamId, int bytes)
    {
        _filling.WriteFrameHeader(new FrameHeader(4, FrameType.WindowUpdate, FrameFlags.None, streamId));
        _filling.WriteUInt32((uint)bytes);
    }

    private void WriteReset(int streamId, Http2ErrorCode code)
    {
        _filling.WriteFrameHeader(new FrameHeader(4, FrameType.RstStream, FrameFlags.None, streamId));
        _filling.WriteUInt32((uint)code);
    }

    private void WriteGoAway(Http2ErrorCode code)
    {
        _filling.WriteFrameHeader(new FrameHeader(8, FrameType.GoAway, FrameFlags.None, 0));
        _filling.WriteUInt32(0);
        _filling.WriteUInt32((uint)code);
    }

    private void Start(Http2Stream stream, string path, CallOptions? options)
    {
        stream.Id = _nextStreamId;
        _nextStreamId += 2;
        if (_nextStreamId >= LastStreamId)
        {
            _draining = true;
        }

        stream.SendWindow = _peerStreamWindow;
        _streams.Add(stream.Id, stream);

        var start = _filling.Length;
        _filling.WriteFrameHeader(default);
        _encoder.Encode(_filling, path, options);
        FinishHeaders(stream, start);
        Push(stream);
    }

    /// <summary>Writes the frame header in front of an encoded block, and cuts the block up if it is larger than a frame may be.</summary>
    private void FinishHeaders(Http2Stream stream, int start)
    {
        var length = _filling.Length - start - FrameHeader.Size;
        var endStream = stream.OutboundEnds && stream.OutboundSize == 0 ? FrameFlags.EndStream : FrameFlags.None;
        if (endStream != FrameFlags.None)
        {
            stream.LocalClosed = true;
        }

        if (length <= _peerFrameSize)
        {
            new FrameHeader(length, FrameType.Headers, FrameFlags.EndHeaders | endStream, stream.Id).Write(_filling.At(start, FrameHeader.Size));
            return;
        }

        var rest = _filling.At(start + FrameHeader.Size + _peerFrameSize, length - _peerFrameSize).ToArray();
        new FrameHeader(_peerFrameSize, FrameType.Headers, endStream, stream.Id).Write(_filling.At(start, FrameHeader.Size));
        _filling.Advance(-rest.Length);
        for (var offset = 0; offset < rest.Length; offset += _peerFrameSize)
        {
            var part = Math.Min(_peerFrameSize, rest.Length - offset);
            var last = offset + part == rest.Length ? FrameFlags.EndHeaders : FrameFlags.None;
            _filling.WriteFrameHeader(new FrameHeader(part, FrameType.Continuation, last, stream.Id));
            _filling.Write(rest.AsSpan(offset, part));
        }
    }

    /// <summary>Frames as much of a stream's message as the windows allow; what is left waits in <c>_blocked</c>.</summary>
    private void Push(Http2Stream stream)
    {
        if (!PushNow(stream))
        {
            _blocked.Add(stream);
        }
    }

    private bool PushNow(Http2Stream stream)
    {
        while (stream.OutboundSent < stream.OutboundSize)
        {
            var window = Math.Min(stream.SendWindow, _sendWindow);
            if (window <= 0)
            {
                return false;
            }

            var part = (int)Math.Min(Math.Min(window, _peerFrameSize), stream.OutboundSize - stream.OutboundSent);
            var last = stream.OutboundEnds && stream.OutboundSent + part == stream.OutboundSize;
            _filling.WriteFrameHeader(new FrameHeader(part, FrameType.Data, last ? FrameFlags.EndStream : FrameFlags.None, stream.Id));
            stream.CopyOutbound(stream.OutboundSent, _filling.Reserve(part));
            _filling.Advance(part);
            stream.OutboundSent += part;
            stream.SendWindow -= part;
            _sendWindow -= part;
            stream.LocalClosed |= last;
        }

        if (stream.OutboundEnds && !stream.LocalClosed)
        {
            _filling.WriteFrameHeader(new FrameHeader(0, FrameType.Data, FrameFlags.EndStream, stream.Id));
            stream.LocalClosed = true;
        }

        stream.OutboundDone?.TrySetResult();
        stream.OutboundDone = null;
        return true;
    }

    /// <summary>After a window grew: sends on, oldest first.</summary>
    private void PushBlocked()
    {
        if (_blocked.Count > 0)
        {
            _blocked.RemoveAll(PushNow);
        }
    }

    /// <summary>True if the caller must flush: nobody else is, and nobody will soon.</summary>
    private bool TakeFlush()
    {
        if (_flushing || _dispatching)
        {
            return false;
        }

        _flushing = true;
        return true;
    }

    /// <summary>Sends what has gathered, until nothing is left. The caller has set <c>_flushing</c>.</summary>
    private async Task Flush()
    {
        try
        {
            while (true)
            {
                lock (_gate)
                {
                    if (_filling.Length == 0)
                    {
                        _flushing = false;
                        return;
                    }

                    (_filling, _sending) = (_sending, _filling);
                }

                if (_options.InlineContinuations)
                {
                    _transport.Write(_sending.Span);
                }
                else
                {
                    await _transport.WriteAsync(_sending.Memory);
                }

                _sending.Clear(KeptBuffer);
            }
        }
        catch (Exception error)
        {
            Abort(new GrpcException(StatusCode.Unavailable, $"connection lost: {error.Message}", error));
        }
    }
}
