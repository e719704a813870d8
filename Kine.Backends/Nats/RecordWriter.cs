namespace Kine.Backends.Nats;

/// <summary>
/// Collects records for one message: metadata and keys for the header, values for the payload. Written as differences from the record before, as most
/// records are the only one of the next revision, or the next one of the same revision.
/// </summary>
internal sealed class RecordWriter
{
    /// <summary>A key longer than this goes before its value into the payload; headers are at most 64 KiB.</summary>
    public const int LongestHeaderKey = 4096;

    private readonly ByteWriter _content = new();
    private readonly ByteWriter _payload = new();
    private RecordId _last;

    public int Count { get; private set; }

    /// <summary>Bytes of metadata and keys.</summary>
    public int ContentLength => _content.Length;

    /// <summary>Bytes of values.</summary>
    public int PayloadLength => _payload.Length;

    public ReadOnlyMemory<byte> Payload => _payload.Written;

    /// <summary>Adds a record that follows all others; copies its bytes.</summary>
    public void Add(in LogRecord record)
    {
        var id = record.Id;
        var keyInPayload = record.Key.Length > LongestHeaderKey;
        var nextRevision = Count > 0 && id.Revision == _last.Revision + 1 && id.Sub == 0;
        var nextSub = Count > 0 && id.Revision == _last.Revision && id.Sub == _last.Sub + 1;
        var created = record.CreateRevision == record.Revision && record.Version == 1;
        var ended = record.CreateRevision == 0 && record.Version == 0;
        _content.Byte((byte)((record.Tombstone ? RecordFlags.Tombstone : 0)
            | (keyInPayload ? RecordFlags.KeyInPayload : 0)
            | (nextRevision ? RecordFlags.NextRevision : 0)
            | (nextSub ? RecordFlags.NextSub : 0)
            | (created ? RecordFlags.Created : 0)
            | (ended ? RecordFlags.Ended : 0)
            | (record.Lease != 0 ? RecordFlags.Leased : 0)));
        if (!nextRevision && !nextSub)
        {
            _content.Signed(id.Revision - (Count > 0 ? _last.Revision : 0));
            _content.Varint((ulong)id.Sub);
        }
        if (!created && !ended)
        {
            _content.Signed(unchecked(record.Revision - record.CreateRevision));
            _content.Signed(record.Version);
        }
        if (record.Lease != 0)
            _content.Signed(record.Lease);

        _content.Varint((ulong)record.Value.Length);
        _content.Varint((ulong)record.Key.Length);
        (keyInPayload ? _payload : _content).Bytes(record.Key.Span);
        _payload.Bytes(record.Value.Span);
        _last = id;
        Count++;
    }

    /// <summary>Writes count, payload length and records.</summary>
    public void WriteTo(ByteWriter writer, int chunks)
    {
        writer.Varint((ulong)chunks);
        writer.Varint((ulong)Count);
        writer.Varint((ulong)PayloadLength);
        writer.Bytes(_content.Written.Span);
    }

    public void Clear()
    {
        _content.Clear();
        _payload.Clear();
        Count = 0;
    }
}
