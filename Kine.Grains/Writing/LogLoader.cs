using System.Security.Cryptography;
using Kine.Backends;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.SideState;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>From the rows of a store that was taken over to the state that a writer begins with.</summary>
internal sealed class LogLoader(ProcessState local, FenceToken token, WriterOptions options, ILogger log)
{
    private const long RevisionsAfterLoss = 1_000_000;

    private readonly IRevisionStore _store = local.Store;

    /// <summary>
    /// Reads everything up to the fence's last revision. <paramref name="published"/> is the last revision that this process has published: a log that ends before
    /// it has lost data.
    /// </summary>
    public async Task<LoadedLog> Load(Fence fence, long published, CancellationToken cancellationToken)
    {
        var side = await _store.ReadSide(cancellationToken);
        var compacted = MetaRow.Read(side, MetaRow.CompactRevision) ?? WriteState.NotCompacted;
        var last = fence.LastRevision;
        if (last < published)
            last = compacted = await GoOnAboveLoss(fence, published);

        var identity = await ReadIdentity(side, last);
        var loaded = await local.HeadStart.Take(fence, last).WaitAsync(cancellationToken);
        if (loaded is null || !await IsWhole(loaded, cancellationToken))
            loaded = await LoadWhole(last, cancellationToken);

        var quota = new SpaceQuota(_store, options.QuotaBackendBytes, log);
        await quota.Measure(cancellationToken);
        var state = new WriteState(loaded.Index, local.Values, local.Pins, new LeaseTable())
        {
            Identity = identity,
            Quota = quota,
            CompactRevision = compacted,
        };
        state.Begin(token, last);
        LoadSide(state, side);
        AttachKeys(state);
        return new LoadedLog(state, Math.Max(loaded.TailFrom, compacted + 1));
    }

    // A log that ends before what was published here: the store lost what it had confirmed. Going on far above it lets nobody mistake new revisions for those
    // that are gone, and the mark makes every client read anew.
    private async Task<long> GoOnAboveLoss(Fence fence, long published)
    {
        var last = published + RevisionsAfterLoss;
        log.LogCritical(
            "The store lost data: revision {Published} was published here, but its log ends at {Last}. Going on at revision {Next}; all watches are cancelled",
            published, fence.LastRevision, last);
        var append = new AppendBatch { Token = token, ExpectedRevision = fence.LastRevision, LastRevision = last };
        append.Side.Add(MetaRow.Of(MetaRow.CompactRevision, last));
        await _store.Append(append);
        return last;
    }

    // An earlier writer that was cut off may be deleting still. Where that took a tombstone which the scan had yet to come to, a deleted key would be back.
    private async Task<LoadedIndex> LoadWhole(long last, CancellationToken cancellationToken)
    {
        while (true)
        {
            var loaded = await LoadedIndex.Load(_store, last, log, cancellationToken);
            if (await IsWhole(loaded, cancellationToken))
                return loaded;

            log.LogInformation("Another process deleted records meanwhile; loading the index again");
        }
    }

    private async Task<bool> IsWhole(LoadedIndex loaded, CancellationToken cancellationToken) =>
        await _store.RemovedBytes(cancellationToken) == loaded.RemovedBytes;

    private static void LoadSide(WriteState state, List<SideRow> side)
    {
        foreach (var row in side)
        {
            if (row.Kind == SideKind.Lease)
            {
                (var id, var ttl) = LeaseRow.Read(row);
                state.Leases.Add(new LeaseRun(id, ttl, 0, 0));
            }
            else if (row.Kind == SideKind.Alarm)
            {
                state.Alarms = state.Alarms.Add(AlarmRow.Read(row));
            }
        }
    }

    private static void AttachKeys(WriteState state)
    {
        if (state.Leases.Count == 0)
            return;

        var cursor = state.Index.Range(KeyRange.All, state.Revision);
        while (cursor.MoveNext())
        {
            if (cursor.Current.Lease != 0)
                state.Leases.Move(cursor.Key.ToArray(), 0, cursor.Current.Lease);
        }
    }

    private async Task<ClusterIdentity> ReadIdentity(List<SideRow> side, long lastRevision)
    {
        if (MetaRow.Read(side, MetaRow.ClusterId) is { } cluster && MetaRow.Read(side, MetaRow.MemberId) is { } member)
            return new ClusterIdentity((ulong)cluster, options.MemberId ?? (ulong)member);

        var identity = new ClusterIdentity(RandomId(), RandomId());
        var append = new AppendBatch { Token = token, ExpectedRevision = lastRevision, LastRevision = lastRevision };
        append.Side.Add(MetaRow.Of(MetaRow.ClusterId, (long)identity.ClusterId));
        append.Side.Add(MetaRow.Of(MetaRow.MemberId, (long)identity.MemberId));
        await _store.Append(append);
        return identity with { MemberId = options.MemberId ?? identity.MemberId };
    }

    private static ulong RandomId() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
}

/// <summary>What was loaded.</summary>
/// <param name="State">The state of the log's last revision.</param>
/// <param name="TailFrom">From this revision on the log is small enough to be kept in memory for watches.</param>
internal sealed record LoadedLog(WriteState State, long TailFrom);
