using Kine.Backends;

namespace Kine.Grains.Index;

/// <summary>
/// One version of a key as the index knows it: everything but key and value. A worked example, puts at 5 and 7, a delete at 9, a put at 12:
/// <code>
/// (Mod 5, Create 5, Version 1) (Mod 7, Create 5, Version 2) (Mod 9, tombstone) (Mod 12, Create 12, Version 1)
/// </code>
/// A read at revision 8 sees the version with the highest (Mod, Sub) at most 8; a tombstone means that the key does not exist there.
/// </summary>
/// <param name="Mod">Revision that wrote it.</param>
/// <param name="Sub">Place inside that transaction.</param>
/// <param name="Create">Revision of the first put of this generation; 0 for a tombstone.</param>
/// <param name="Version">Puts in this generation so far; 0 for a tombstone.</param>
/// <param name="Lease">Attached lease, 0 = none.</param>
/// <param name="ValueLength">Bytes of the value, -1 for a tombstone.</param>
[GenerateSerializer, Immutable]
public readonly record struct KeyVersion(long Mod, int Sub, long Create, long Version, long Lease, int ValueLength)
{
    /// <summary>True when this version is a deletion.</summary>
    public bool IsTombstone => ValueLength < 0;

    /// <summary>False for the default value, which stands for "no such version".</summary>
    public bool Exists => Mod != 0;

    /// <summary>Where the log holds it.</summary>
    public RecordId Id => new(Mod, Sub);

    /// <summary>A deletion of the key at the given place.</summary>
    public static KeyVersion Tombstone(long mod, int sub) => new(mod, sub, 0, 0, 0, -1);

    /// <summary>The version that a record of the log brought.</summary>
    public static KeyVersion Of(in RecordMetadata record) => record.Tombstone
        ? Tombstone(record.Revision, record.Sub)
        : new KeyVersion(record.Revision, record.Sub, record.CreateRevision, record.Version, record.Lease, record.ValueLength);

    /// <summary>The same of a record with its value.</summary>
    public static KeyVersion Of(in LogRecord record) => Of(new RecordMetadata(
        record.Revision, record.Sub, record.CreateRevision, record.Version, record.Lease, record.Tombstone, record.Value.Length));
}
