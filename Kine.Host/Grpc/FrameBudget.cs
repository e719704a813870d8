using System.Buffers;
using System.Buffers.Binary;

namespace Kine.Host.Grpc;

/// <summary>
/// Tells a connection that only costs from one that is used, by the headers of its HTTP/2 frames. Frames that ask for nothing take from a budget, which grows
/// with time, with requests, and with what is sent to the client:
/// <code>
/// a client's pings and window updates      less than its requests and replies give back
/// thousands of watches cancelled at once   nothing: they were open for a while
/// streams reset as soon as opened          six a stream: 250 at once, more at some 3,000 a second until 7,000 came, then 800 a second
/// frames without content                   one each: 40,000, then 5,000 a second
/// </code>
/// </summary>
/// <param name="time">The clock of the budget.</param>
internal sealed class FrameBudget(TimeProvider time)
{
    private const int HeaderLength = 9; // bytes
    private const int PrefaceLength = 24; // bytes
    private const int TypeAt = 3;
    private const int FlagsAt = 4;
    private const int StreamAt = 5;

    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Reset = 3;
    private const byte Continuation = 9;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const byte Padded = 8;

    private const long Most = 40_000; // frames
    private const long Eager = Most - 1_500; // frames: with less left, a client waits for what it takes
    private const long GrowthPerSecond = 5_000; // frames
    private const long BytesPerFrame = 32; // of replies: more than a ping's answer has
    private const int RequestGain = 2; // frames
    private const int ResetCost = 8; // frames
    private const int LeastContinuation = 1024; // bytes: clients fill a frame before they begin another
    private static readonly TimeSpan Moment = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WaitPerFrame = TimeSpan.FromMicroseconds(50); // a reset stream keeps a core busy for as long as one or two of them

    private readonly byte[] _header = new byte[HeaderLength];
    private int _headerLength; // bytes of it that are here
    private int _skip = PrefaceLength; // bytes that are no header
    private long _left = Most;
    private long _agedAt = time.GetTimestamp();
    private long _sentCounted;
    private int _before; // the highest stream a moment ago
    private int _longBefore; // the highest stream another moment ago

    /// <summary>True when the client has used it up, for good.</summary>
    public bool IsSpent { get; private set; }

    /// <summary>Time that the client should wait before more of it is read, so that others come first.</summary>
    public TimeSpan Wait { get; set; }

    /// <summary>The highest stream that the client has opened.</summary>
    public int HighestStream { get; private set; }

    /// <summary>Takes what the client sent, in order.</summary>
    /// <param name="bytes">The next of its bytes.</param>
    /// <param name="sent">Bytes sent to the client since the connection began.</param>
    public void Take(in ReadOnlySequence<byte> bytes, long sent)
    {
        Age();
        var left = _left;
        foreach (var part in bytes)
            Take(part.Span);

        if (_left == Most)
            return;

        if (_left < Math.Min(left, Eager))
            Wait += (left - _left) * WaitPerFrame;

        Earn(sent);
        IsSpent |= _left < 0;
    }

    private void Take(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var passed = Math.Min(_skip, bytes.Length);
            _skip -= passed;
            bytes = bytes[passed..];
            if (_headerLength == 0 && bytes.Length >= HeaderLength)
            {
                Count(bytes[..HeaderLength]);
                bytes = bytes[HeaderLength..];
                continue;
            }

            var more = Math.Min(HeaderLength - _headerLength, bytes.Length);
            bytes[..more].CopyTo(_header.AsSpan(_headerLength));
            bytes = bytes[more..];
            _headerLength += more;
            if (_headerLength == HeaderLength)
            {
                _headerLength = 0;
                Count(_header);
            }
        }
    }

    private void Count(ReadOnlySpan<byte> header)
    {
        var length = _skip = BinaryPrimitives.ReadInt32BigEndian(header) >>> 8;
        var flags = header[FlagsAt];
        var stream = BinaryPrimitives.ReadInt32BigEndian(header[StreamAt..]) & int.MaxValue;
        switch (header[TypeAt])
        {
            case Headers:
                HighestStream = Math.Max(HighestStream, stream);
                _left = Math.Min(_left + RequestGain, Most);
                break;
            case Data:
                if ((flags & EndStream) == 0 && (length < GrpcLimits.PrefixLength || (flags & Padded) != 0))
                    _left--;

                break;
            case Continuation:
                if ((flags & EndHeaders) == 0 && length < LeastContinuation)
                    _left--;

                break;
            case Reset:
                if (stream > _longBefore)
                    _left -= ResetCost;

                break;
            default:
                _left--;
                break;
        }
    }

    // What was open before the last look, or a moment before this one, was not opened just now.
    private void Age()
    {
        var elapsed = time.GetElapsedTime(_agedAt);
        if (elapsed < Moment)
            return;

        _agedAt = time.GetTimestamp();
        (_longBefore, _before) = (elapsed >= 2 * Moment ? HighestStream : _before, HighestStream);
        _left = Math.Min(_left + (long)(Math.Min(elapsed.TotalSeconds, Most) * GrowthPerSecond), Most);
    }

    private void Earn(long sent)
    {
        var replies = (sent - _sentCounted) / BytesPerFrame;
        _sentCounted += replies * BytesPerFrame;
        _left = Math.Min(_left + replies, Most);
    }
}
