using System.Runtime.InteropServices;

namespace Kine.Backends.Nats;

/// <summary>One message of an append.</summary>
/// <param name="Content">For the content header.</param>
/// <param name="Payload">Keys and values, or a piece of them.</param>
internal sealed record AppendPart(ByteWriter Content, ReadOnlyMemory<byte> Payload)
{
    /// <summary>JetStream takes headers of at most 64 KiB, in which this is base64 beside the other headers.</summary>
    public const int MaxContent = 44 << 10;

    /// <summary>
    /// Payload at which a message is closed when an append needs several: one value asked for later brings its whole message, and below this size a request
    /// costs more than what it brings.
    /// </summary>
    public const int FullPayload = 8 << 10;

    /// <summary>Keys and values up to which an append stays one message: several wait for the server twice, once before the last one.</summary>
    public const int WholePayload = 24 << 10;

    /// <summary>Records at which a message is closed.</summary>
    public const int FullCount = 1024;

    /// <summary>What one more message's share of a content may take when records of several are written into one.</summary>
    public const int MoveRoom = 4 << 10;

    /// <summary>Longest key of a row of side state.</summary>
    public const int LongestSideKey = 4 << 10;

    /// <summary>The least that a server must take in one message.</summary>
    public const int SmallestMessage = HeaderRoom + SmallestPayload;

    private const int HeaderRoom = 66 << 10;
    private const int SmallestPayload = 16 << 10;

    /// <summary>Cuts a batch into messages, at least one; the last one is to be sent when all others have arrived.</summary>
    /// <param name="batch">What to write.</param>
    /// <param name="maxMessage">Bytes the server takes in one message, headers included.</param>
    public static List<AppendPart> Split(AppendBatch batch, int maxMessage)
    {
        var maxPayload = MaxPayload(maxMessage);
        var parts = new List<AppendPart>();
        var records = new RecordWriter();
        long total = 0;
        foreach (ref readonly var record in CollectionsMarshal.AsSpan(batch.Records))
            total += record.Key.Length + record.Value.Length;

        var full = total <= WholePayload ? WholePayload : FullPayload;
        foreach (ref readonly var record in CollectionsMarshal.AsSpan(batch.Records))
        {
            var size = record.Key.Length + record.Value.Length;
            if (records.Count > 0 && (records.PayloadLength + size > Math.Min(full, maxPayload) || IsFull(records)))
                Close(parts, records, maxPayload);

            records.Add(record);
        }
        var last = Close(parts, records, maxPayload);
        foreach (var row in batch.Side)
        {
            if (row.Key.Length > LongestSideKey)
                throw new ArgumentException($"a key of side state of {row.Key.Length} bytes is too long for NATS; {LongestSideKey} is the most");

            ReadOnlyMemory<byte> value = row.Value;
            var room = MaxContent - row.Key.Length - SideRows.Frame;
            for (; value.Length > room; value = value[room..])
            {
                last = Close(parts, records, maxPayload);
                SideRows.WriteBeginning(last, row, value.Span[..room]);
            }
            if (last.Length + row.Key.Length + value.Length + SideRows.Frame > MaxContent)
                last = Close(parts, records, maxPayload);

            SideRows.Write(last, value.Length == (row.Value?.Length ?? 0) ? row : row with { Value = value.ToArray() });
        }
        return parts;
    }

    /// <summary>Bytes of payload that fit beside the largest headers.</summary>
    public static int MaxPayload(int maxMessage) => Math.Max(maxMessage - HeaderRoom, SmallestPayload);

    /// <summary>True when one more record might not fit the header.</summary>
    public static bool IsFull(RecordWriter records) =>
        records.Count >= FullCount || records.ContentLength > MaxContent - RecordWriter.LongestHeaderKey - 128;

    private static ByteWriter Close(List<AppendPart> parts, RecordWriter records, int maxPayload)
    {
        ReadOnlyMemory<byte> payload = records.Payload.ToArray();
        var chunks = 0;
        for (; payload.Length > maxPayload; chunks++)
        {
            // A part without records: the next one says that its payload began here.
            var none = new ByteWriter();
            new RecordWriter().WriteTo(none, 0);
            parts.Add(new AppendPart(none, payload[..maxPayload]));
            payload = payload[maxPayload..];
        }
        var content = new ByteWriter();
        records.WriteTo(content, chunks);
        parts.Add(new AppendPart(content, payload));
        records.Clear();
        return content;
    }
}
