using System.Runtime.CompilerServices;
using Kine.Backends;
using Kine.Backends.Upstream;
using Kine.Grains.SideState;

namespace Kine.Grains.Import;

/// <summary>
/// A store of ours as a source, held so that nobody writes to it meanwhile; or, where there is none of ours yet, upstream kine's table in its database. Disposing
/// it lets the store go and closes it.
/// </summary>
public sealed class StoreSource : IHistorySource
{
    private const int PageRecords = 2000;
    private const long PageBytes = 4 << 20;

    private readonly IRevisionStore _store;
    private readonly StoreClaim _claim;
    private readonly IUpstreamTable? _upstream;

    private StoreSource(IRevisionStore store, StoreClaim claim, IUpstreamTable? upstream, string identity, ImportEnd end)
    {
        _store = store;
        _claim = claim;
        _upstream = upstream;
        Identity = identity;
        End = end;
    }

    public string Description => _upstream is null ? _store.Description : $"upstream kine's table in {_store.Description}";

    public string Identity { get; }

    public long LastRevision => End.Revision;

    public ImportEnd End { get; private set; }

    /// <summary>
    /// Opens and holds the store; takes it over. Throws <see cref="StoreRefusedException"/> when a server uses it, when it is half imported itself, or when it is
    /// empty.
    /// </summary>
    public static async Task<StoreSource> Open(IRevisionStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        StoreClaim? claim = null;
        try
        {
            await store.Open(cancellationToken);
            claim = await StoreClaim.Take(store, time, cancellationToken);
            var side = await store.ReadSide(cancellationToken);
            if (ImportMark.Find(side) is { } unfinished)
                throw new StoreRefusedException($"{store.Description} holds an unfinished import ({unfinished.Source}) itself");

            if (!LogImport.IsEmpty(claim.Held, side))
            {
                var cluster = MetaRow.Read(side, MetaRow.ClusterId) ?? 0;
                return new StoreSource(store, claim, null, $"kine cluster {cluster:x}", ReadEnd(claim.Held, side));
            }

            return store is IUpstreamTable table && await table.HasUpstreamTable(cancellationToken)
                ? new StoreSource(store, claim, table, $"upstream kine's table in {store.Description}", new ImportEnd(1, -1, [], []))
                : throw new StoreRefusedException($"{store.Description} is empty: there is nothing to copy");
        }
        catch
        {
            if (claim is not null)
                await claim.DisposeAsync();

            await store.DisposeAsync();
            throw;
        }
    }

    public IAsyncEnumerable<LogRecord> Records(CancellationToken cancellationToken) =>
        _upstream is null ? OwnRecords(cancellationToken) : UpstreamRecords(_upstream, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _claim.DisposeAsync();
        await _store.DisposeAsync();
    }

    private async IAsyncEnumerable<LogRecord> OwnRecords([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var after = new RecordId(0, 0);
        while (await _store.ReadRecords(after, End.Revision, PageRecords, PageBytes, cancellationToken) is { Count: > 0 } page)
        {
            foreach (var record in page)
                yield return record;

            after = page[^1].Id;
        }

        await _claim.Check(cancellationToken);
    }

    private async IAsyncEnumerable<LogRecord> UpstreamRecords(IUpstreamTable table, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var rows = new UpstreamConverter();
        await foreach (var record in rows.Records(table, cancellationToken))
            yield return record;

        End = new ImportEnd(Math.Max(rows.LastId, 1), rows.CompactRevision, rows.Leases, []);
    }

    private static ImportEnd ReadEnd(Fence held, List<SideRow> side) => new(
        held.LastRevision,
        MetaRow.Read(side, MetaRow.CompactRevision) ?? -1,
        [.. side.Where(row => row.Kind == SideKind.Lease).Select(row => LeaseRow.Read(row))],
        []);
}
