namespace Kine.Backends.Nats;

/// <summary>Gets a live record of a scan; false when no more are wanted.</summary>
internal delegate bool RecordVisitor(LogMessage message, in StoredRecord record);

/// <summary>How far one scan of records has come.</summary>
internal sealed class LogScan(RecordId after, long toRevision, int maxRecords, RecordVisitor visit)
{
    /// <summary>Records that may still be visited.</summary>
    public int Left { get; private set; } = maxRecords;

    /// <summary>Everything up to here was visited or passed over.</summary>
    public RecordId Position { get; private set; } = after;

    /// <summary>The last record visited, or null.</summary>
    public RecordId? Last { get; private set; }

    /// <summary>True when no more may be visited.</summary>
    public bool Full { get; private set; } = maxRecords <= 0;

    /// <summary>True when the answer stands: some were visited, or all that is left is past the end.</summary>
    public bool Over => Full || Last is not null;

    /// <summary>Visits the live records of a message; false when the scan is over.</summary>
    public bool Visit(in MessageEntry entry, LogMessage message)
    {
        var reader = message.Records();
        for (var place = 0; reader.TryRead(out var record); place++)
        {
            if (entry.IsDead(place) || record.Id.CompareTo(Position) <= 0)
                continue;

            Full |= record.Metadata.Revision > toRevision || Left == 0;
            if (Full)
                return false;

            Full = !visit(message, record);
            Left--;
            Last = Position = record.Id;
        }
        if (entry.Last.CompareTo(Position) > 0)
            Position = entry.Last;

        return true;
    }
}
