namespace Kine.Backends;

/// <summary>
/// One record of the log: what one operation did to one key. A tombstone has create revision, version and lease 0 and an empty value.
/// </summary>
/// <param name="Revision">Revision of the transaction that wrote it; all its operations share it.</param>
/// <param name="Sub">Place of the operation inside its transaction, from 0.</param>
/// <param name="Key">Key bytes, never empty.</param>
/// <param name="CreateRevision">Revision that began the key's present generation.</param>
/// <param name="Version">Number of puts since then, from 1.</param>
/// <param name="Lease">Attached lease, 0 = none; may be negative.</param>
/// <param name="Tombstone">True when the operation deleted the key.</param>
/// <param name="Value">Value bytes.</param>
public readonly record struct LogRecord(
    long Revision,
    int Sub,
    ReadOnlyMemory<byte> Key,
    long CreateRevision,
    long Version,
    long Lease,
    bool Tombstone,
    ReadOnlyMemory<byte> Value)
{
    /// <summary>The record's place in the log.</summary>
    public RecordId Id => new(Revision, Sub);
}
