using System.Runtime.InteropServices;

namespace Kine.Backends;

/// <summary>
/// What one append writes, all or nothing: records in log order and changes of side state.
/// </summary>
public sealed class AppendBatch
{
    /// <summary>Who appends; the store refuses when its fence row says otherwise.</summary>
    public required FenceToken Token { get; set; }

    /// <summary>The fence row's last revision before this batch; the store refuses when it differs.</summary>
    public required long ExpectedRevision { get; init; }

    /// <summary>The fence row's last revision after this batch; equal to <see cref="ExpectedRevision"/> when only side state changes.</summary>
    public long LastRevision { get; set; }

    /// <summary>Records with revisions in (ExpectedRevision, LastRevision], ascending.</summary>
    public List<LogRecord> Records { get; } = [];

    /// <summary>Changes of side state; a later row for the same kind and key wins.</summary>
    public List<SideRow> Side { get; } = [];

    /// <summary>Key and value bytes in <see cref="Records"/>, kept by the author of the batch to bound it.</summary>
    public long Bytes { get; set; }

    /// <summary>
    /// Throws <see cref="ArgumentException"/> unless the records ascend within (ExpectedRevision, LastRevision]: a log out of order could not be
    /// told from a damaged one later.
    /// </summary>
    internal void Check()
    {
        if (LastRevision < ExpectedRevision)
            throw new ArgumentException($"an append cannot move the last revision back from {ExpectedRevision} to {LastRevision}");

        var previous = new RecordId(ExpectedRevision, int.MaxValue);
        foreach (ref readonly var record in CollectionsMarshal.AsSpan(Records))
        {
            if (record.Id.CompareTo(previous) <= 0 || record.Sub < 0)
                throw new ArgumentException($"record {record.Id} does not follow {previous}");

            previous = record.Id;
        }
        if (Records.Count > 0 && previous.Revision > LastRevision)
            throw new ArgumentException($"record {previous} is past the batch's last revision {LastRevision}");
    }
}
