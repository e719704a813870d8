using System.Buffers;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Reads;
using Kine.Grains.Values;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>A RangeResponse (etcd v3 API) that is not joined: its own few bytes, and pairs as they lie in the cache.</summary>
/// <param name="reply">The pairs.</param>
/// <param name="header">With the revision of the reply.</param>
/// <param name="pairs">The pairs at hand.</param>
/// <param name="isWhole">True when no more pairs come; else the caller continues with those, and writes the end.</param>
internal sealed class RangeMessage(RangeReply reply, ResponseHeader header, IReadOnlyList<ReadOnlyMemory<byte>> pairs, bool isWhole) : PieceReply
{
    private const byte HeaderTag = 0x0A; // field 1, length-delimited
    private const byte KvsTag = 0x12; // field 2, length-delimited
    private const byte MoreTag = 0x18; // field 3, varint
    private const byte CountTag = 0x20; // field 4, varint

    private readonly int _headerLength = header.CalculateSize();
    private IReadOnlyList<ReadOnlyMemory<byte>> _pairs = pairs;
    private int _next = -1; // the pair to be written next; -1: the header

    public override long Length =>
        1 + CodedOutputStream.ComputeLengthSize(_headerLength) + _headerLength + reply.KvsLength
        + (reply.More ? 2 : 0)
        + (reply.Count != 0 ? 1 + CodedOutputStream.ComputeInt64Size(reply.Count) : 0);

    /// <summary>Bytes written so far.</summary>
    public long Written { get; private set; }

    public override bool IsWritten => _next == _pairs.Count;

    /// <summary>The same message with the pairs that follow those written.</summary>
    public RangeMessage Continue(IReadOnlyList<ReadOnlyMemory<byte>> more)
    {
        (_pairs, _next) = (more, 0);
        return this;
    }

    public override void Write(IBufferWriter<byte> output)
    {
        var before = Written;
        if (_next < 0)
        {
            Written += WriteStart(output, HeaderTag, _headerLength) + _headerLength;
            header.WriteTo(output);
            _next = 0;
        }

        while (_next < _pairs.Count && Written - before < Enough)
        {
            Written += WritePair(output, _pairs[_next++].Span);
        }

        if (IsWritten && isWhole)
            WriteEnd(output);
    }

    /// <summary>Writes what comes after the pairs.</summary>
    public void WriteEnd(IBufferWriter<byte> output)
    {
        var span = output.GetSpan(2 + 1 + KeyValueWire.MaxVarint);
        var length = 0;
        if (reply.More)
        {
            span[length++] = MoreTag;
            span[length++] = 1;
        }

        if (reply.Count != 0)
        {
            span[length++] = CountTag;
            length = KeyValueWire.WriteVarint(span, length, (ulong)reply.Count);
        }

        output.Advance(length);
        Written += length;
    }

    /// <summary>Writes one of the <c>kvs</c>, and tells how many bytes that took.</summary>
    public static int WritePair(IBufferWriter<byte> output, ReadOnlySpan<byte> pair)
    {
        var start = WriteStart(output, KvsTag, pair.Length);
        output.Write(pair);
        return start + pair.Length;
    }

    private static int WriteStart(IBufferWriter<byte> output, byte tag, int length)
    {
        var span = output.GetSpan(1 + KeyValueWire.MaxVarint);
        span[0] = tag;
        var start = KeyValueWire.WriteVarint(span, 1, (ulong)length);
        output.Advance(start);
        return start;
    }
}
