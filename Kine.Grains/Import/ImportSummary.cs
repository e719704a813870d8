namespace Kine.Grains.Import;

/// <summary>What an import left in the store.</summary>
/// <param name="Records">Records, read back and compared.</param>
/// <param name="Checksum">CRC-32C over them.</param>
/// <param name="Revision">Current revision.</param>
/// <param name="CompactRevision">Compaction mark, -1 = none.</param>
/// <param name="Leases">Number of leases.</param>
/// <param name="Resumed">Revision up to which an interrupted run had come; 1 = there was none.</param>
public sealed record ImportSummary(long Records, uint Checksum, long Revision, long CompactRevision, int Leases, long Resumed);
