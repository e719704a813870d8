namespace Kine.Backends.Nats;

/// <summary>A message of the log that was read.</summary>
/// <param name="Tail">Of <see cref="LogTail.Header"/>.</param>
/// <param name="Content">Of <see cref="LogTail.ContentHeader"/>, decoded; metadata and keys of records.</param>
/// <param name="Data">Payload; empty where only headers were asked for.</param>
internal sealed record LogMessage(LogTail Tail, byte[] Content, byte[] Data)
{
    /// <summary>Bytes it takes in a cache.</summary>
    public int Length => Content.Length + Data.Length;

    private bool IsMoved => Tail.Kind == MessageKind.Moved;

    /// <summary>Copies it out of the socket's buffer. Throws <see cref="StoreBrokenException"/> when it is none of the log's.</summary>
    public static LogMessage Of(in ArrivedMessage message) =>
        new(LogTail.Parse(message.Tail), ByteReader.FromHeader(message.Content), message.Data.ToArray());

    /// <summary>Reads its records.</summary>
    public RecordReader Records() => Records(Content, IsMoved);

    /// <summary>Reads the records of a content.</summary>
    /// <param name="content">As decoded from the header.</param>
    /// <param name="moved">True for one of kind <see cref="MessageKind.Moved"/>.</param>
    public static RecordReader Records(ReadOnlySpan<byte> content, bool moved)
    {
        var reader = new ByteReader(content);
        if (moved)
        {
            for (var i = 0; i < 2; i++)
            {
                reader.Signed();
                reader.Count();
            }
        }
        return new RecordReader(reader);
    }

    /// <summary>Takes values out of it, in the order of their places.</summary>
    public void Take(ReadOnlySpan<WantedValue> wanted, byte[]?[] values) => WantedValue.Take(wanted, Content, Data, IsMoved, values);

    /// <summary>A copy of a record, with its key and value.</summary>
    public LogRecord Record(in StoredRecord record)
    {
        var metadata = record.Metadata;
        return new LogRecord(
            metadata.Revision, metadata.Sub, Key(record).ToArray(), metadata.CreateRevision, metadata.Version, metadata.Lease,
            metadata.Tombstone, Slice(Data, record.ValueOffset, metadata.ValueLength).ToArray());
    }

    /// <summary>The key, wherever it stands.</summary>
    public ReadOnlySpan<byte> Key(in StoredRecord record) =>
        record.KeyInPayload > 0 ? Slice(Data, record.Offset, record.KeyInPayload) : record.Key;

    /// <summary>A key or value in a payload.</summary>
    public static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> payload, int offset, int length) =>
        offset + length <= payload.Length ? payload.Slice(offset, length) : throw ByteReader.Damaged();
}
