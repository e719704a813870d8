namespace Kine.Backends;

/// <summary>A <see cref="LogRecord"/> without key and value, as the index is rebuilt from it.</summary>
/// <param name="ValueLength">Bytes of the value; 0 for a tombstone.</param>
public readonly record struct RecordMetadata(
    long Revision,
    int Sub,
    long CreateRevision,
    long Version,
    long Lease,
    bool Tombstone,
    int ValueLength);
