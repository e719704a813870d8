using System.Numerics;

namespace Kine.Backends.Nats;

/// <summary>
/// Where one message's records are, kept in memory for every message that holds live ones: 64 bytes a message, not a record.
/// <code>
/// First (41,0) Count 3, Ids null           : (41,0) (42,0) (43,0)
/// First (41,2) Count 3, Ids null, SubsCount: (41,2) (41,3) (41,4)
/// First (41,2) Count 3, Ids [...]          : (41,2) (41,5) (44,0)
/// </code>
/// </summary>
internal struct MessageEntry
{
    /// <summary>The first record, dead or alive.</summary>
    public RecordId First;

    /// <summary>Sequence of the message.</summary>
    public ulong Sequence;

    /// <summary>Differences from one id to the next where they are not consecutive.</summary>
    public byte[]? Ids;

    /// <summary>A bit for each dead record; null while none is.</summary>
    public ulong[]? Dead;

    /// <summary>Bytes of metadata, keys and values.</summary>
    public int Bytes;

    /// <summary>Records; 0 for a slot whose message counts no more.</summary>
    public ushort Count;

    /// <summary>Dead records.</summary>
    public ushort DeadCount;

    /// <summary>Messages right before it that hold the beginning of its payload.</summary>
    public ushort Chunks;

    /// <summary>Consecutive in one revision, not one a revision.</summary>
    public bool SubsCount;

    public readonly int Live => Count - DeadCount;

    /// <summary>Share of <see cref="Bytes"/> that lives.</summary>
    public readonly long LiveBytes => Count == 0 ? 0 : (long)Bytes * Live / Count;

    /// <summary>The last record, dead or alive.</summary>
    public readonly RecordId Last
    {
        get
        {
            if (Ids is null)
                return SubsCount ? new RecordId(First.Revision, First.Sub + Count - 1) : Count > 1 ? new RecordId(First.Revision + Count - 1, 0) : First;

            var id = First;
            var reader = new ByteReader(Ids);
            while (!reader.AtEnd)
                id = ReadId(ref reader, id);

            return id;
        }
    }

    /// <summary>Writes an id as a difference from the one before.</summary>
    public static void WriteId(ByteWriter writer, RecordId before, RecordId id)
    {
        writer.Varint((ulong)(id.Revision - before.Revision));
        writer.Varint((ulong)(id.Revision == before.Revision ? id.Sub - before.Sub : id.Sub));
    }

    /// <summary>Reads what <see cref="WriteId"/> wrote.</summary>
    public static RecordId ReadId(ref ByteReader reader, RecordId before)
    {
        var revisions = (long)reader.Varint();
        var sub = reader.Count();
        return revisions == 0 ? new RecordId(before.Revision, before.Sub + sub) : new RecordId(before.Revision + revisions, sub);
    }

    /// <summary>Place of a record in the message, or -1.</summary>
    public readonly int Find(RecordId id)
    {
        if (Ids is null)
        {
            if (id.Revision == First.Revision && id.Sub == First.Sub && Count > 0)
                return 0;

            var place = SubsCount
                ? id.Revision == First.Revision ? id.Sub - (long)First.Sub : -1
                : id.Sub == 0 && First.Sub == 0 ? id.Revision - First.Revision : -1;
            return place > 0 && place < Count ? (int)place : -1;
        }
        var at = First;
        var reader = new ByteReader(Ids);
        for (var place = 0; ; place++)
        {
            var order = at.CompareTo(id);
            if (order == 0)
                return place;

            if (order > 0 || reader.AtEnd)
                return -1;

            at = ReadId(ref reader, at);
        }
    }

    public readonly bool IsDead(int place) => Dead is not null && (Dead[place >> 6] & (1UL << (place & 63))) != 0;

    /// <summary>Marks a record dead; false when it was.</summary>
    public bool Kill(int place)
    {
        if (IsDead(place))
            return false;

        // Readers may hold the old bits.
        var bits = Dead is null ? new ulong[(Count + 63) >> 6] : [.. Dead];
        bits[place >> 6] |= 1UL << (place & 63);
        Dead = bits;
        DeadCount++;
        return true;
    }

    /// <summary>Takes over bits that say all that is dead.</summary>
    public void SetDead(ulong[] bits)
    {
        Dead = bits;
        var dead = 0;
        foreach (var word in bits)
            dead += BitOperations.PopCount(word);

        DeadCount = (ushort)dead;
    }
}
