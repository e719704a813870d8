namespace Kine.Backends.Nats;

/// <summary>A message of records as fetched, with the whole payload.</summary>
internal sealed class RecordMessage(LogMessage message)
{
    /// <summary>Bytes it takes in a cache.</summary>
    public int Length => message.Content.Length + message.Data.Length;

    /// <summary>Bytes of metadata and keys.</summary>
    public int ContentLength => message.Content.Length;

    private bool IsMoved => message.Tail.Kind == MessageKind.Moved;

    /// <summary>Reads its records.</summary>
    public RecordReader Records() => Records(message.Content, IsMoved);

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
    public void Take(ReadOnlySpan<WantedValue> wanted, byte[]?[] values) => WantedValue.Take(wanted, message.Content, message.Data, IsMoved, values);

    /// <summary>A record, with its key and value pointing into this message where they stand in the payload.</summary>
    public LogRecord Record(in StoredRecord record)
    {
        var metadata = record.Metadata;
        return new LogRecord(
            metadata.Revision, metadata.Sub, Key(record).ToArray(), metadata.CreateRevision, metadata.Version, metadata.Lease, metadata.Tombstone,
            Value(record).ToArray());
    }

    /// <summary>The key, wherever it stands.</summary>
    public ReadOnlySpan<byte> Key(in StoredRecord record) =>
        record.KeyInPayload > 0 ? Slice(record.Offset, record.KeyInPayload) : record.Key;

    private ReadOnlySpan<byte> Value(in StoredRecord record) => Slice(record.ValueOffset, record.Metadata.ValueLength);

    private ReadOnlySpan<byte> Slice(int offset, int length) => Slice(message.Data, offset, length);

    /// <summary>A key or value in a payload.</summary>
    public static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> payload, int offset, int length) =>
        offset + length <= payload.Length ? payload.Slice(offset, length) : throw ByteReader.Damaged();
}
