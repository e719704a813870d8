namespace Kine.Backends;

/// <summary>What a row of side state belongs to. The numbers are stored: never renumber.</summary>
public enum SideKind
{
    /// <summary>Single values by name: cluster id, compaction mark.</summary>
    Meta = 1,

    /// <summary>One row a lease: 8-byte big-endian id.</summary>
    Lease = 2,

    /// <summary>One row an active alarm.</summary>
    Alarm = 3,

    /// <summary>
    /// Not side state, but beside it in the same table: a document that any process may change. No append holds such a row, and no read of side state shows it.
    /// </summary>
    Document = 4,
}

/// <summary>
/// State beside the log (leases, alarms, compaction mark, cluster id), written in the same atomic append as the records that go with it.
/// </summary>
/// <param name="Value">New content; null deletes the row.</param>
public readonly record struct SideRow(SideKind Kind, byte[] Key, byte[]? Value);
