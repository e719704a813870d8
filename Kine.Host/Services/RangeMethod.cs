using System.Buffers;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Keyspace;
using Kine.Grains.Reads;
using Kine.Host.Grpc;

namespace Kine.Host.Services;

/// <summary>
/// etcd v3 API, KV.Range. The reply is written piece by piece as the keyspace gives it: its length is known beforehand, so the pairs are copied
/// once, into the stream, and a large list waits for its client instead of lying in memory.
/// </summary>
internal sealed class RangeMethod(IKeyspace keyspace) : UnaryMethod<RangeRequest, RangeReply>(KvService.Name, "Range", RangeRequest.Parser)
{
    private const byte HeaderTag = 0x0A; // field 1, length-delimited
    private const byte KvsTag = 0x12; // field 2, length-delimited
    private const byte MoreTag = 0x18; // field 3, varint
    private const byte CountTag = 0x20; // field 4, varint

    protected override ValueTask<RangeReply> Handle(RangeRequest request, CancellationToken cancellationToken) =>
        keyspace.Range(request, cancellationToken);

    protected override async ValueTask Write(GrpcCall call, RangeReply reply)
    {
        using var hold = reply;
        await using var rest = reply.Rest?.GetAsyncEnumerator(call.CancellationToken);
        var here = keyspace.Header();
        var header = new ResponseHeader
        {
            ClusterId = here.ClusterId,
            MemberId = here.MemberId,
            Revision = reply.Revision,
            RaftTerm = here.RaftTerm,
        };
        var headerLength = header.CalculateSize();
        var length = 1 + CodedOutputStream.ComputeLengthSize(headerLength) + headerLength + reply.KvsLength;
        if (reply.More)
        {
            length += 2;
        }

        if (reply.Count != 0)
        {
            length += 1 + CodedOutputStream.ComputeInt64Size(reply.Count);
        }

        if (call.CompressesReplies && length <= GrpcLimits.MaxCompressedReply)
        {
            var joined = new ArrayBufferWriter<byte>((int)length);
            WriteHeader(joined, header, headerLength);
            WritePairs(joined, reply.First);
            while (rest is not null && await rest.MoveNextAsync())
            {
                WritePairs(joined, rest.Current);
            }

            WriteEnd(joined, reply);
            if (joined.WrittenCount != length)
            {
                throw WrongLength(length, joined.WrittenCount);
            }

            call.WriteMessage(joined.WrittenSpan);
            return;
        }

        call.BeginMessage(length);
        call.Wrote(WriteHeader(call.Output, header, headerLength));
        await WritePairsSlowly(call, reply.First);
        if (rest is not null)
        {
            call.WatchClient();
            while (await rest.MoveNextAsync())
            {
                await WritePairsSlowly(call, rest.Current);
            }
        }

        call.Wrote(WriteEnd(call.Output, reply));
    }

    private static InvalidOperationException WrongLength(long announced, long written) =>
        new($"A range of {announced} bytes was announced, and {written} were given.");

    private static async ValueTask WritePairsSlowly(GrpcCall call, IReadOnlyList<ReadOnlyMemory<byte>> pairs)
    {
        for (var i = 0; i < pairs.Count; i++)
        {
            call.Wrote(WritePair(call.Output, pairs[i].Span));
            if (call.UnflushedBytes >= GrpcLimits.FlushThreshold)
            {
                await call.Flush();
            }
        }
    }

    private static void WritePairs(IBufferWriter<byte> output, IReadOnlyList<ReadOnlyMemory<byte>> pairs)
    {
        for (var i = 0; i < pairs.Count; i++)
        {
            WritePair(output, pairs[i].Span);
        }
    }

    private static int WriteHeader(IBufferWriter<byte> output, ResponseHeader header, int headerLength)
    {
        var span = output.GetSpan(1 + 5);
        span[0] = HeaderTag;
        var start = 1 + WriteVarint(span[1..], (ulong)headerLength);
        output.Advance(start);
        header.WriteTo(output);
        return start + headerLength;
    }

    private static int WritePair(IBufferWriter<byte> output, ReadOnlySpan<byte> pair)
    {
        var span = output.GetSpan(1 + 5);
        span[0] = KvsTag;
        var start = 1 + WriteVarint(span[1..], (ulong)pair.Length);
        output.Advance(start);
        output.Write(pair);
        return start + pair.Length;
    }

    private static int WriteEnd(IBufferWriter<byte> output, RangeReply reply)
    {
        var span = output.GetSpan(2 + 1 + 10);
        var written = 0;
        if (reply.More)
        {
            span[written++] = MoreTag;
            span[written++] = 1;
        }

        if (reply.Count != 0)
        {
            span[written++] = CountTag;
            written += WriteVarint(span[written..], (ulong)reply.Count);
        }

        output.Advance(written);
        return written;
    }

    private static int WriteVarint(Span<byte> target, ulong value)
    {
        var written = 0;
        while (value >= 0x80)
        {
            target[written++] = (byte)(value | 0x80);
            value >>= 7;
        }

        target[written++] = (byte)value;
        return written;
    }
}
