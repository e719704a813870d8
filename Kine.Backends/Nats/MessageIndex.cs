namespace Kine.Backends.Nats;

/// <summary>
/// All messages with live records, in the order of their records; ranges never overlap. One that dies leaves an empty slot (Count 0) until slots are
/// tidied. Safe for concurrent use; entries go out as copies.
/// </summary>
internal sealed class MessageIndex
{
    private const int TidyAbove = 1024; // empty slots
    private readonly Lock _lock = new();
    private MessageEntry[] _slots = new MessageEntry[64];
    private int _count;
    private int _empty;
    private long _messages;
    private long _liveBytes;
    private long _deadBytes;

    /// <summary>Bytes of live records.</summary>
    public long LiveBytes => Volatile.Read(ref _liveBytes);

    /// <summary>Bytes of dead records in messages that hold live ones too.</summary>
    public long DeadBytes => Volatile.Read(ref _deadBytes);

    /// <summary>Messages with live records, their chunks included.</summary>
    public long Messages => Volatile.Read(ref _messages);

    /// <summary>Adds a message whose records follow all others.</summary>
    public void Add(in MessageEntry entry)
    {
        lock (_lock)
        {
            if (_count > 0 && entry.First.CompareTo(_slots[_count - 1].First) <= 0)
                throw new StoreBrokenException($"the log is out of order: record {entry.First} comes after {_slots[_count - 1].First}");

            if (_count == _slots.Length)
                Array.Resize(ref _slots, _count * 2);

            _slots[_count++] = entry;
            Count(entry, 1);
        }
    }

    /// <summary>The message that holds a live record, and the record's place in it; null when there is none.</summary>
    public (MessageEntry Entry, int Place)? Find(RecordId id)
    {
        lock (_lock)
        {
            var slot = SlotAt(id);
            if (slot < 0 || _slots[slot].Count == 0)
                return null;

            ref readonly var entry = ref _slots[slot];
            var place = entry.Find(id);
            return place < 0 || entry.IsDead(place) ? null : (entry, place);
        }
    }

    /// <summary>Messages that hold records after an id up to a revision, until they hold enough records.</summary>
    public List<MessageEntry> After(RecordId after, long toRevision, long records, int messages = int.MaxValue)
    {
        var found = new List<MessageEntry>();
        lock (_lock)
        {
            for (var slot = Math.Max(SlotAt(after), 0); slot < _count && _slots[slot].First.Revision <= toRevision; slot++)
            {
                ref readonly var entry = ref _slots[slot];
                if (entry.Count == 0 || (entry.First.CompareTo(after) <= 0 && entry.Last.CompareTo(after) <= 0))
                    continue;

                if (records <= 0 || found.Count >= messages)
                    break;

                found.Add(entry);

                // The first one may lie before the id with all it has.
                records -= entry.First.CompareTo(after) <= 0 ? 1 : entry.Live;
            }
        }
        return found;
    }

    /// <summary>Replaces what is known of the dead in the message that begins with a record. Returns the entry as it is now.</summary>
    public MessageEntry SetDead(RecordId first, ulong[] bits)
    {
        lock (_lock)
        {
            var slot = SlotAt(first);
            if (slot < 0 || _slots[slot].First != first || _slots[slot].Count == 0)
                throw new StoreBrokenException($"the log names a message that begins with record {first}, but there is none");

            Count(_slots[slot], -1);
            _slots[slot].SetDead(bits);
            var entry = _slots[slot];
            if (entry.Live == 0)
            {
                _slots[slot] = new MessageEntry { First = first };
                _empty++;
            }
            else
            {
                Count(entry, 1);
            }

            Tidy();
            return entry;
        }
    }

    /// <summary>Puts a message in the place of all that begin in a range. Returns those.</summary>
    public List<MessageEntry> Replace(RecordId from, RecordId to, in MessageEntry by)
    {
        var replaced = new List<MessageEntry>();
        lock (_lock)
        {
            var first = SlotAt(from);
            if (first < 0 || _slots[first].First != from)
                throw new StoreBrokenException($"the log moves records from a message that begins with {from}, but there is none");

            var last = first;
            for (var slot = first; slot < _count && _slots[slot].First.CompareTo(to) <= 0; slot++)
            {
                last = slot;
                if (_slots[slot].Count > 0)
                {
                    replaced.Add(_slots[slot]);
                    Count(_slots[slot], -1);
                    _empty++;
                }

                // Its first live record may come after where some of these began: the slots must stay in order.
                _slots[slot] = new MessageEntry { First = from };
            }
            _empty--;
            _slots[last] = by;
            Count(by, 1);
            Tidy();
        }
        return replaced;
    }

    /// <summary>A copy of all entries.</summary>
    public MessageEntry[] Snapshot()
    {
        lock (_lock)
        {
            return [.. _slots.AsSpan(0, _count).ToArray().Where(entry => entry.Count > 0)];
        }
    }

    // The last slot that begins at or before the id, or -1.
    private int SlotAt(RecordId id)
    {
        var low = 0;
        var high = _count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_slots[middle].First.CompareTo(id) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        return low - 1;
    }

    private void Tidy()
    {
        if (_empty <= TidyAbove || _empty <= _count / 2)
            return;

        var kept = 0;
        for (var slot = 0; slot < _count; slot++)
        {
            if (_slots[slot].Count > 0)
                _slots[kept++] = _slots[slot];
        }
        Array.Clear(_slots, kept, _count - kept);
        (_count, _empty) = (kept, 0);
    }

    private void Count(in MessageEntry entry, int sign)
    {
        _messages += sign * (1 + entry.Chunks);
        _liveBytes += sign * entry.LiveBytes;
        _deadBytes += sign * (entry.Bytes - entry.LiveBytes);
    }
}
