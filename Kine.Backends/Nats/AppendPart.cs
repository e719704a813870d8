using System.Runtime.InteropServices;

namespace Kine.Backends.Nats;

/// <summary>One message of an append.</summary>
/// <param name="Content">For the content header.</param>
/// <param name="Payload">Keys and values, or a piece of them.</param>
internal sealed record AppendPart(ByteWriter Content, ReadOnlyMemory<byte> Payload)
{
    /// <summary>JetStream takes headers of at most 64 KiB, in which this is base64 beside the other headers.</summary>
    public const int MaxContent = 44 << 10;

    /// <summary>Payload at which a message is closed: one value asked for later brings its whole message.</summary>
    public const int FullPayload = 96 << 10;

    /// <summary>Records at which a message is closed.</summary>
    public const int FullCount = 1024;

    /// <summary>What one more message's share of a content may take when records of several are written into one.</summary>
    public const int MoveRoom = 4 << 10;

    /// <summary>The least that a server must take in one message.</summary>
    public const int SmallestMessage = HeaderRoom + SmallestPayload;

    private const int HeaderRoom = 66 << 10;
    private const int SmallestPayload = 16 << 10;

    /// <summary>Cuts a batch into messages, at least one; the last one is to be sent when all others have arrived.</summary>
    /// <param name="batch">What to write.</param>
    /// <param name="maxMessage">Bytes the server takes in one message, headers included.</param>
    public static List<AppendPart> Split(AppendBatch batch, int maxMessage)
    {
        int maxPayload = MaxPayload(maxMessage);
        var parts = new List<AppendPart>();
        var records = new RecordWriter();
        foreach (ref readonly LogRecord record in CollectionsMarshal.AsSpan(batch.Records))
        {
            int size = record.Key.Length + record.Value.Length;
            if (records.Count > 0 && (records.PayloadLength + size > Math.Min(FullPayload, maxPayload) || IsFull(records)))
                Close(parts, records, maxPayload);
            records.Add(record);
        }
        ByteWriter last = Close(parts, records, maxPayload);
        foreach (SideRow row in batch.Side)
        {
            int size = row.Key.Length + (row.Value?.Length ?? 0) + 16;
            if (size > MaxContent)
                throw new ArgumentException($"a row of side state of {size} bytes does not fit a message header of NATS; {MaxContent} is the most");
            if (last.Length + size > MaxContent)
                last = Close(parts, records, maxPayload);
            SideRows.Write(last, row);
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
        int chunks = 0;
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
