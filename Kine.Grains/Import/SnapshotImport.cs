using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Snapshots;

namespace Kine.Grains.Import;

/// <summary>Turns a snapshot file into the content of an empty store: same keys, revisions, versions, leases and compaction mark.</summary>
public static class SnapshotImport
{
    /// <summary>
    /// Takes the open store, fills it, checks it, and lets it go. Safe to repeat after an interruption. <paramref name="progress"/> gets revisions.
    /// Throws <see cref="StoreRefusedException"/> when the store is in use or not empty, <see cref="ImportException"/> when it does not give back what
    /// was written, <see cref="SnapshotException"/> when the file is damaged.
    /// </summary>
    public static async Task<ImportSummary> Run(
        SnapshotFile file, IRevisionStore store, TimeProvider time, Action<long> progress, CancellationToken cancellationToken)
    {
        SnapshotContents contents = file.Contents;
        await using StoreClaim claim = await StoreClaim.Take(store, time, cancellationToken);
        await using LogImport import = await LogImport.Begin(store, claim.Held, file.Identity, cancellationToken);
        foreach (LogRecord record in file.Records())
        {
            cancellationToken.ThrowIfCancellationRequested();
            await import.Add(record);
            progress(record.Revision);
        }

        await import.Check(cancellationToken);

        // What filled etcd's quota says nothing about this store; damage noticed there came along.
        (ulong, AlarmType)[] alarms = [.. contents.Alarms.Where(active => active.Alarm != AlarmType.Nospace)];
        await import.End(new ImportEnd(contents.Revision, contents.CompactRevision, contents.Leases, alarms));
        return new ImportSummary(import.Records, import.Checksum, contents.Revision, contents.CompactRevision, contents.Leases.Count, import.Resumed);
    }
}
