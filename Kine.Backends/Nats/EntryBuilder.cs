namespace Kine.Backends.Nats;

/// <summary>Makes the index entry of a message from its records, in their order.</summary>
internal ref struct EntryBuilder
{
    private ByteWriter? _ids;
    private RecordId _first;
    private RecordId _last;
    private int _count;
    private bool _consecutiveRevisions;
    private bool _consecutiveSubs;

    /// <summary>Adds the next record.</summary>
    public void Add(RecordId id)
    {
        if (_count == 0)
        {
            _first = id;
            _consecutiveRevisions = id.Sub == 0;
            _consecutiveSubs = true;
        }
        else if (id.CompareTo(_last) <= 0)
        {
            throw new StoreBrokenException($"the log is out of order: record {id} comes after {_last} in one message");
        }
        else
        {
            _consecutiveRevisions &= id.Revision == _last.Revision + 1 && id.Sub == 0;
            _consecutiveSubs &= id.Revision == _last.Revision && id.Sub == _last.Sub + 1;
            _ids ??= new ByteWriter();
            MessageEntry.WriteId(_ids, _last, id);
        }
        _last = id;
        _count++;
    }

    /// <summary>The entry of a message with these records.</summary>
    public readonly MessageEntry Build(ulong sequence, int chunks, int bytes) => new()
    {
        First = _first,
        Sequence = sequence,
        Count = (ushort)_count,
        Chunks = (ushort)chunks,
        Bytes = bytes,
        Ids = _ids is null || _consecutiveRevisions || _consecutiveSubs ? null : _ids.Written.ToArray(),
        SubsCount = _ids is not null && _consecutiveSubs,
    };
}
