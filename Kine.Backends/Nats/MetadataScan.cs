namespace Kine.Backends.Nats;

/// <summary>How far one scan of metadata has come.</summary>
internal sealed class MetadataScan(RecordId after, long toRevision, int maxRecords, MetadataVisitor visit)
{
    private int _left = maxRecords;

    /// <summary>Everything up to here was visited or passed over.</summary>
    public RecordId Position { get; private set; } = after;

    /// <summary>The last record visited, or null.</summary>
    public RecordId? Last { get; private set; }

    /// <summary>True when no more may be visited.</summary>
    public bool Full { get; private set; } = maxRecords <= 0;

    /// <summary>True when the answer stands: some were visited, or all that is left is past the end.</summary>
    public bool Over => Full || Last is not null;

    /// <summary>False when keys stand in the payload, which is not at hand.</summary>
    public bool CanVisit(RecordMessage headers)
    {
        var reader = headers.Records();
        while (reader.TryRead(out var record))
        {
            if (record.KeyInPayload > 0)
                return false;
        }
        return true;
    }

    /// <summary>Visits the live records of a message; false when the scan is over.</summary>
    public bool Visit(in MessageEntry entry, RecordMessage message)
    {
        var reader = message.Records();
        for (var place = 0; reader.TryRead(out var record); place++)
        {
            if (entry.IsDead(place) || record.Id.CompareTo(Position) <= 0)
                continue;

            if (record.Metadata.Revision > toRevision || _left == 0)
            {
                Full = true;
                return false;
            }
            visit(in record.Metadata, message.Key(record));
            _left--;
            Last = Position = record.Id;
        }
        if (entry.Last.CompareTo(Position) > 0)
            Position = entry.Last;

        return true;
    }
}
