using Kine.Backends;

namespace Kine.Grains.Import;

/// <summary>Turns a history from elsewhere into the content of an empty store: same keys, revisions, versions, leases and compaction mark.</summary>
public static class HistoryImport
{
    /// <summary>
    /// Takes the open store, fills it, checks it, and lets it go. Safe to repeat after an interruption. <paramref name="progress"/> gets revisions.
    /// Throws <see cref="StoreRefusedException"/> when the store is in use or not empty, <see cref="ImportException"/> when it does not give back what
    /// was written.
    /// </summary>
    public static async Task<ImportSummary> Run(
        IHistorySource source, IRevisionStore store, TimeProvider time, Action<long> progress, CancellationToken cancellationToken)
    {
        await using var claim = await StoreClaim.Take(store, time, cancellationToken);
        await using var import = await LogImport.Begin(store, claim.Held, source.Identity, cancellationToken);
        await foreach (var record in source.Records(cancellationToken))
        {
            await import.Add(record);
            progress(record.Revision);
        }

        await import.Check(cancellationToken);
        var end = source.End;
        await import.End(end);
        return new ImportSummary(import.Records, import.Checksum, end.Revision, end.CompactRevision, end.Leases.Count, import.Resumed);
    }
}
