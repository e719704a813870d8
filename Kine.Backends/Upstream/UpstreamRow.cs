namespace Kine.Backends.Upstream;

/// <summary>One row of upstream kine's table <c>kine</c> (releases 0.9 to 0.16), as it is stored.</summary>
/// <param name="Id">Revision; ids may have gaps.</param>
/// <param name="Name">Key bytes; <c>gap-N</c> for a row that only fills a gap.</param>
/// <param name="Created">True for the first row of a generation.</param>
/// <param name="Deleted">True for a tombstone, which keeps the generation's create revision.</param>
/// <param name="CreateRevision">Revision that began the generation; 0 in the row that begins it.</param>
/// <param name="PreviousRevision">Revision of the key's row before; in the row <c>compact_rev_key</c> the compaction mark.</param>
/// <param name="Lease">TTL in seconds, not an id; 0 = none.</param>
/// <param name="Value">Value bytes.</param>
public readonly record struct UpstreamRow(
    long Id, byte[] Name, bool Created, bool Deleted, long CreateRevision, long PreviousRevision, long Lease, byte[] Value);
