using Kine.Backends;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

/// <summary>
/// Orleans' membership table in one document that all processes on a store share. Each change replaces the document, if it is still the one that was read.
/// <code>
/// lost to a sign of life    -> read again; the table's etag still holds -> replaced
/// lost to another change    -> read again; the etag is another          -> false
/// answer lost               -> read again; it bears the etag of this change -> true
/// older than one seen here  -> the one seen here counts, and the next change stores it
/// </code>
/// The last line is for a document that was deleted, or came out of a backup: silos pass over a table with a lower version than they know, so that those that join
/// would not meet those that run.
/// </summary>
public sealed class DocumentMembershipTable(ISharedDocument document) : IMembershipTable
{
    private const int MostTries = 200;
    private const int MostUnknown = 3;
    private const int PauseMilliseconds = 5; // at most, for each try that was lost
    private const int LongestPauseMilliseconds = 100;

    // Silos stay in the table for days after their death. One that is started again every few seconds must not make it larger than a message may be.
    private const int MostSilos = 128;
    private MembershipDocument _newest = MembershipDocument.Empty;

    /// <summary>Makes it the membership table of a silo, in place of any other. The document is asked for when the silo is made.</summary>
    public static void AddTo(IServiceCollection services, Func<IServiceProvider, ISharedDocument> document)
    {
        services.RemoveAll<IMembershipTable>();
        services.AddSingleton<IMembershipTable>(provider => new DocumentMembershipTable(document(provider)));
    }

    /// <summary>Reads the table, so that one that cannot be read is noticed at start.</summary>
    public Task InitializeMembershipTableAsync(bool tryInitTableVersion, CancellationToken cancellationToken) => Load(cancellationToken);

    /// <inheritdoc/>
    public async Task<MembershipTableData> ReadAllAsync(CancellationToken cancellationToken)
    {
        (var table, _) = await Load(cancellationToken).ConfigureAwait(false);
        return new MembershipTableData(table.Silos.Select(ToTuple).ToList(), VersionOf(table));
    }

    /// <inheritdoc/>
    public async Task<MembershipTableData> ReadRowAsync(SiloAddress key, CancellationToken cancellationToken)
    {
        (var table, _) = await Load(cancellationToken).ConfigureAwait(false);
        return table.Find(key) is { } row ? new MembershipTableData(ToTuple(row), VersionOf(table)) : new MembershipTableData(VersionOf(table));
    }

    /// <inheritdoc/>
    public Task<bool> InsertRowAsync(MembershipEntry entry, TableVersion tableVersion, CancellationToken cancellationToken)
    {
        var tag = NewTag();
        return Change(
            tag,
            table => table.Etag == tableVersion.VersionEtag && table.Find(entry.SiloAddress) is null
                ? WithoutOldDead(table.With(MembershipRow.Of(entry, tag))) with { Version = tableVersion.Version, Etag = tag }
                : null,
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<bool> UpdateRowAsync(MembershipEntry entry, string etag, TableVersion tableVersion, CancellationToken cancellationToken)
    {
        var tag = NewTag();
        return Change(
            tag,
            table => table.Etag == tableVersion.VersionEtag && table.Find(entry.SiloAddress)?.Etag == etag
                ? table.With(MembershipRow.Of(entry, tag)) with { Version = tableVersion.Version, Etag = tag }
                : null,
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task UpdateIAmAliveAsync(MembershipEntry entry, CancellationToken cancellationToken) => Change(
        null,
        table => table.Find(entry.SiloAddress) is { } row && row.SeenAlive(entry.IAmAliveTime) is var alive && alive != row ? table.With(alive) : null,
        cancellationToken);

    /// <inheritdoc/>
    public Task CleanupDefunctSiloEntriesAsync(DateTimeOffset beforeDate, CancellationToken cancellationToken) => Change(
        null,
        table =>
        {
            var kept = table.Silos.Where(row => row.Status == SiloStatus.Active || row.LastNews >= beforeDate.UtcDateTime).ToList();
            return kept.Count < table.Silos.Count ? table with { Silos = kept } : null;
        },
        cancellationToken);

    /// <summary>Empties the table, of which there is one a store, whatever the cluster's name. Its version goes on, so that nobody takes it for an older one.</summary>
    public Task DeleteMembershipTableEntriesAsync(string clusterId, CancellationToken cancellationToken)
    {
        var tag = NewTag();
        return Change(tag, table => new MembershipDocument(table.Version + 1, tag, []), cancellationToken);
    }

    Task IMembershipTable.InitializeMembershipTable(bool tryInitTableVersion) => InitializeMembershipTableAsync(tryInitTableVersion, CancellationToken.None);

    Task<MembershipTableData> IMembershipTable.ReadAll() => ReadAllAsync(CancellationToken.None);

    Task<MembershipTableData> IMembershipTable.ReadRow(SiloAddress key) => ReadRowAsync(key, CancellationToken.None);

    Task<bool> IMembershipTable.InsertRow(MembershipEntry entry, TableVersion tableVersion) => InsertRowAsync(entry, tableVersion, CancellationToken.None);

    Task<bool> IMembershipTable.UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) =>
        UpdateRowAsync(entry, etag, tableVersion, CancellationToken.None);

    Task IMembershipTable.UpdateIAmAlive(MembershipEntry entry) => UpdateIAmAliveAsync(entry, CancellationToken.None);

    Task IMembershipTable.CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => CleanupDefunctSiloEntriesAsync(beforeDate, CancellationToken.None);

    Task IMembershipTable.DeleteMembershipTableEntries(string clusterId) => DeleteMembershipTableEntriesAsync(clusterId, CancellationToken.None);

    private async Task<bool> Change(string? tag, Func<MembershipDocument, MembershipDocument?> change, CancellationToken cancellationToken)
    {
        var unknown = 0;
        for (var tries = 1; tries <= MostTries; tries++)
        {
            (var table, var version) = await Load(cancellationToken).ConfigureAwait(false);
            if (tag is not null && (table.Etag == tag || table.Silos.Any(row => row.Etag == tag)))
                return true; // an earlier try did land

            if (change(table) is not { } changed)
                return false;

            try
            {
                if (await document.TryReplace(changed.ToBytes(), version, cancellationToken).ConfigureAwait(false))
                {
                    Note(changed);
                    return true;
                }
            }
            catch (OutcomeUnknownException) when (++unknown < MostUnknown)
            {
                // If it lands yet, then in place of the next try.
            }
            await Task.Delay(Random.Shared.Next(1, Math.Min(tries * PauseMilliseconds, LongestPauseMilliseconds) + 1), cancellationToken).ConfigureAwait(false);
        }
        throw new StoreUnavailableException($"others changed the table of the processes {MostTries} times before this one could");
    }

    private async Task<(MembershipDocument Table, ulong Version)> Load(CancellationToken cancellationToken)
    {
        var stored = await document.Read(cancellationToken).ConfigureAwait(false);
        return (Note(MembershipDocument.Parse(stored.Content)), stored.Version);
    }

    // Returns the newer one, of two with one version the one that was just read.
    private MembershipDocument Note(MembershipDocument table)
    {
        while (true)
        {
            var newest = Volatile.Read(ref _newest);
            if (table.Version < newest.Version)
                return newest;

            if (Interlocked.CompareExchange(ref _newest, table, newest) == newest)
                return table;
        }
    }

    private static MembershipDocument WithoutOldDead(MembershipDocument table)
    {
        var surplus = table.Silos.Count - MostSilos;
        if (surplus <= 0)
            return table;

        var gone = table.Silos.Where(row => row.Status == SiloStatus.Dead).OrderBy(row => row.LastNews).Take(surplus).ToHashSet();
        return table with { Silos = table.Silos.Where(row => !gone.Contains(row)).ToList() };
    }

    private static Tuple<MembershipEntry, string> ToTuple(MembershipRow row) => Tuple.Create(row.ToEntry(), row.Etag);

    private static TableVersion VersionOf(MembershipDocument table) => new(table.Version, table.Etag);

    private static string NewTag() => Guid.NewGuid().ToString("N");
}
