using Kine.Backends;
using Kine.Backends.Upstream;
using Kine.Grains.SideState;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Import;

/// <summary>
/// Moving in from upstream kine: its table in the same database becomes the log, revisions and all, while the table stays as it is. Killed in between, the next
/// start goes on.
/// </summary>
public static class UpstreamImport
{
    private const string Source = "upstream kine's table";
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(1);

    /// <summary>
    /// To be called by a writer that has just taken the store over, before it loads anything: imports when the store is empty and the table is there, and
    /// returns the fence as it is then. Throws <see cref="StoreRefusedException"/> when the store holds an unfinished import of something else.
    /// </summary>
    public static async Task<Fence> Run(IRevisionStore store, Fence held, ILogger log, TimeProvider time, CancellationToken cancellationToken)
    {
        var side = await store.ReadSide(cancellationToken);
        var unfinished = ImportMark.Find(side);
        if (unfinished is not null && unfinished.Source != Source)
            throw new StoreRefusedException($"{store.Description} holds an unfinished import ({unfinished.Source}); run that command again, or empty the store");

        if (store is not IUpstreamTable table || !await table.HasUpstreamTable(cancellationToken))
            return unfinished is null ? held : throw new StoreRefusedException($"{store.Description} holds an unfinished import of {Source}, which is gone");

        if (unfinished is null && !LogImport.IsEmpty(held, side))
        {
            await WarnOfNewerRows(table, side, log, cancellationToken);
            return held;
        }

        return await Import(store, table, held, log, time, cancellationToken);
    }

    private static async Task<Fence> Import(
        IRevisionStore store, IUpstreamTable table, Fence held, ILogger log, TimeProvider time, CancellationToken cancellationToken)
    {
        var rows = new UpstreamConverter();
        await using var import = await LogImport.Begin(store, held, Source, cancellationToken);
        var reported = time.GetTimestamp();
        await foreach (var record in rows.Records(table, cancellationToken))
        {
            await import.Add(record);
            if (time.GetElapsedTime(reported) > ReportEvery)
            {
                reported = time.GetTimestamp();
                log.LogInformation("Importing {Source}: {Rows} rows, revision {Revision}", Source, rows.Rows, rows.LastId);
            }
        }

        await import.Check(cancellationToken);
        var last = Math.Max(rows.LastId, 1);
        await import.End(
            new ImportEnd(last, rows.CompactRevision, rows.Leases, []),
            MetaRow.Of(MetaRow.UpstreamId, rows.LastId));
        log.LogInformation(
            "Imported {Source}: {Rows} rows gave {Records} records, revision {Revision}, {Compacted}; the table was left as it is",
            Source, rows.Rows, import.Records, last, rows.CompactRevision < 0 ? "never compacted" : $"compacted at {rows.CompactRevision}");
        return held with { LastRevision = last };
    }

    private static async Task WarnOfNewerRows(IUpstreamTable table, List<SideRow> side, ILogger log, CancellationToken cancellationToken)
    {
        if (MetaRow.Read(side, MetaRow.UpstreamId) is { } imported && (await table.ReadUpstreamRows(imported, 1, cancellationToken)).Count > 0)
        {
            log.LogWarning(
                "{Source} has rows above revision {Revision}, up to which it was imported: somebody still writes to it, and that is not seen here", Source, imported);
        }
    }
}
