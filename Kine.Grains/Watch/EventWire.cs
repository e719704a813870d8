using System.Buffers;
using Kine.Grains.Values;

namespace Kine.Grains.Watch;

/// <summary>
/// Writes WatchResponse.events fields (etcd v3 API, tag 11) around pairs that are in wire form already: only the few bytes that name type and
/// lengths are made, so that one pair serves every watcher without a second copy in memory.
/// </summary>
internal static class EventWire
{
    private const byte EventsTag = (11 << 3) | 2;
    private const byte TypeTag = (1 << 3) | 0;
    private const byte KvTag = (2 << 3) | 2;
    private const byte PrevKvTag = (3 << 3) | 2;
    private const byte Delete = 1;
    private const int MaxFraming = 24; // bytes: four tags, one type and three lengths
    private const int JoinedBelow = 8192; // bytes: below it one span is asked for an event, above it each pair is copied by pieces

    /// <summary>Bytes of one events field. An empty <paramref name="previous"/> means that there is no prev_kv.</summary>
    public static long FieldLength(KeyEvent e, ReadOnlyMemory<byte> previous) =>
        KeyValueWire.FieldLength(MessageLength(e, previous.Length));

    /// <summary>Writes one events field; the length is that of <see cref="FieldLength"/>.</summary>
    public static void WriteField(IBufferWriter<byte> output, KeyEvent e, ReadOnlyMemory<byte> previous)
    {
        var body = e.KeyValue.Length + previous.Length;
        if (body <= JoinedBelow)
        {
            var span = output.GetSpan(body + MaxFraming);
            var at = WriteUpToKv(span, e, previous.Length);
            e.KeyValue.Span.CopyTo(span[at..]);
            at += e.KeyValue.Length;
            if (previous.Length > 0)
            {
                at += WritePrevKvHead(span[at..], previous.Length);
                previous.Span.CopyTo(span[at..]);
                at += previous.Length;
            }

            output.Advance(at);
            return;
        }

        output.Advance(WriteUpToKv(output.GetSpan(MaxFraming), e, previous.Length));
        output.Write(e.KeyValue.Span);
        if (previous.Length > 0)
        {
            output.Advance(WritePrevKvHead(output.GetSpan(MaxFraming), previous.Length));
            output.Write(previous.Span);
        }
    }

    private static int MessageLength(KeyEvent e, int previous)
    {
        var length = (e.Version.IsTombstone ? 2 : 0) + KeyValueWire.FieldLength(e.KeyValue.Length);
        return (int)(previous == 0 ? length : length + KeyValueWire.FieldLength(previous));
    }

    private static int WriteUpToKv(Span<byte> span, KeyEvent e, int previous)
    {
        span[0] = EventsTag;
        var at = KeyValueWire.WriteVarint(span, 1, (ulong)MessageLength(e, previous));
        if (e.Version.IsTombstone)
        {
            span[at++] = TypeTag;
            span[at++] = Delete;
        }

        span[at++] = KvTag;
        return KeyValueWire.WriteVarint(span, at, (ulong)e.KeyValue.Length);
    }

    private static int WritePrevKvHead(Span<byte> span, int previous)
    {
        span[0] = PrevKvTag;
        return KeyValueWire.WriteVarint(span, 1, (ulong)previous);
    }
}
