namespace Kine.Backends.Memory;

/// <summary>
/// Records in log order in one list. Deleted ones leave a slot without key and value behind; slots go when they outnumber the records.
/// </summary>
internal sealed class MemoryLog
{
    private const int SlotBytes = 88; // a LogRecord in the list
    private const int TidyAbove = 4096; // slots
    private List<LogRecord> _slots = [];
    private int _live;
    private long _bytes;

    /// <summary>Bytes taken, empty slots included.</summary>
    public long Allocated => _bytes + ((long)_slots.Capacity * SlotBytes);

    /// <summary>Bytes of what is stored.</summary>
    public long InUse => _bytes + ((long)_live * SlotBytes);

    /// <summary>Appends a copy of a record that follows all others.</summary>
    public void Add(in LogRecord record)
    {
        _slots.Add(record with { Key = record.Key.ToArray(), Value = record.Value.ToArray() });
        _bytes += record.Key.Length + record.Value.Length;
        _live++;
    }

    /// <summary>The record with that id.</summary>
    public LogRecord? Find(RecordId id)
    {
        var place = FirstAfter(id) - 1;
        return place >= 0 && _slots[place].Id == id && !_slots[place].Key.IsEmpty ? _slots[place] : null;
    }

    /// <summary>Records after <paramref name="after"/>, as <see cref="IRevisionStore.ReadRecords"/> says.</summary>
    public List<LogRecord> Read(RecordId after, long toRevision, int maxRecords, long maxBytes)
    {
        var records = new List<LogRecord>();
        long bytes = 0;
        for (var place = FirstAfter(after); place < _slots.Count && _slots[place].Revision <= toRevision; place++)
        {
            var record = _slots[place];
            if (record.Key.IsEmpty)
                continue;

            if (records.Count >= maxRecords || (records.Count > 0 && bytes >= maxBytes))
                break;

            records.Add(record);
            bytes += record.Key.Length + record.Value.Length;
        }
        return records;
    }

    /// <summary>Removes the record with that id, if it is there.</summary>
    public void Remove(RecordId id)
    {
        if (Find(id) is not { } record)
            return;

        _slots[FirstAfter(id) - 1] = record with { Key = default, Value = default };
        _bytes -= record.Key.Length + record.Value.Length;
        _live--;
        if (_slots.Count > TidyAbove && _live < _slots.Count / 2)
            Tidy();
    }

    /// <summary>Drops empty slots.</summary>
    public void Tidy() => _slots = _slots.FindAll(slot => !slot.Key.IsEmpty);

    private int FirstAfter(RecordId id)
    {
        var low = 0;
        var high = _slots.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_slots[middle].Id.CompareTo(id) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
