namespace Kine.Backends.Nats;

/// <summary>A message of records as fetched: decoded content and the whole payload.</summary>
internal sealed class StoredMessage(byte[] content, byte[] payload, bool moved)
{
    /// <summary>Bytes it takes in a cache.</summary>
    public int Length => content.Length + payload.Length;

    /// <summary>Bytes of metadata and keys.</summary>
    public int ContentLength => content.Length;

    /// <summary>Reads its records.</summary>
    public RecordReader Records()
    {
        var reader = new ByteReader(content);
        if (moved)
        {
            for (int i = 0; i < 2; i++)
            {
                reader.Signed();
                reader.Count();
            }
        }
        return new RecordReader(reader);
    }

    /// <summary>The value at a place.</summary>
    public byte[] Value(int place)
    {
        RecordReader records = Records();
        while (records.TryRead(out StoredRecord record))
        {
            if (place-- == 0)
                return Value(record).ToArray();
        }
        throw ByteReader.Damaged();
    }

    /// <summary>A record, with its key and value pointing into this message where they stand in the payload.</summary>
    public LogRecord Record(in StoredRecord record)
    {
        RecordMetadata metadata = record.Metadata;
        return new LogRecord(
            metadata.Revision, metadata.Sub, Key(record).ToArray(), metadata.CreateRevision, metadata.Version, metadata.Lease, metadata.Tombstone,
            Value(record).ToArray());
    }

    /// <summary>The key, wherever it stands.</summary>
    public ReadOnlySpan<byte> Key(in StoredRecord record) =>
        record.KeyInPayload > 0 ? Slice(record.Offset, record.KeyInPayload) : record.Key;

    private ReadOnlySpan<byte> Value(in StoredRecord record) => Slice(record.ValueOffset, record.Metadata.ValueLength);

    private ReadOnlySpan<byte> Slice(int offset, int length) =>
        offset + length <= payload.Length ? payload.AsSpan(offset, length) : throw ByteReader.Damaged();
}
