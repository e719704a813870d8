namespace Kine.Backends.Nats;

/// <summary>Reads the records that <see cref="RecordWriter"/> wrote.</summary>
internal ref struct RecordReader
{
    private ByteReader _reader;
    private int _left;
    private long _revision;
    private int _sub;
    private int _offset;

    /// <summary>Reads at the place where <see cref="RecordWriter.WriteTo"/> wrote.</summary>
    public RecordReader(ByteReader reader)
    {
        Chunks = reader.Count();
        Count = reader.Count();
        PayloadLength = reader.Count();
        _left = Count;
        _reader = reader;
    }

    /// <summary>Messages before this one that hold the beginning of its payload.</summary>
    public int Chunks { get; }

    public int Count { get; }

    /// <summary>Bytes of the whole payload, chunks included.</summary>
    public int PayloadLength { get; }

    /// <summary>What follows the records.</summary>
    public readonly ByteReader Rest => _reader;

    /// <summary>The next record; false when there is none.</summary>
    public bool TryRead(out StoredRecord record)
    {
        if (_left == 0)
        {
            record = default;
            return false;
        }
        _left--;
        int flags = _reader.Byte();
        if ((flags & RecordFlags.NextRevision) != 0)
        {
            _revision++;
            _sub = 0;
        }
        else if ((flags & RecordFlags.NextSub) != 0)
        {
            _sub++;
        }
        else
        {
            _revision += _reader.Signed();
            _sub = _reader.Count();
        }
        (var created, var version) = (flags & (RecordFlags.Created | RecordFlags.Ended)) switch
        {
            RecordFlags.Created => (_revision, 1L),
            RecordFlags.Ended => (0L, 0L),
            _ => (unchecked(_revision - _reader.Signed()), _reader.Signed()),
        };
        var lease = (flags & RecordFlags.Leased) != 0 ? _reader.Signed() : 0;
        var valueLength = _reader.Count();
        var keyLength = _reader.Count();
        var keyInPayload = (flags & RecordFlags.KeyInPayload) != 0;
        var key = keyInPayload ? default : _reader.Bytes(keyLength);
        var metadata = new RecordMetadata(_revision, _sub, created, version, lease, (flags & RecordFlags.Tombstone) != 0, valueLength);
        record = new StoredRecord(metadata, key, keyInPayload ? keyLength : 0, _offset);
        _offset += valueLength + (keyInPayload ? keyLength : 0);
        return true;
    }
}
