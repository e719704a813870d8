using System.Security.Cryptography;
using Kine.Backends;
using Kine.Grains.Following;
using Kine.Grains.Index;
using Kine.Grains.Reads;
using Kine.Grains.SideState;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>From the rows of a store that was taken over to the state that a writer begins with.</summary>
internal sealed class LogLoader(ProcessState local, FenceToken token, WriterOptions options, ILogger log)
{
    private const long RevisionsAfterLoss = 1_000_000;
    private const int TailRecords = 8192;
    private const int Compared = 256; // revisions

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
        var quota = new SpaceQuota(_store, options.QuotaBackendBytes, log);
        await quota.Measure(cancellationToken);
        var given = await FromReplica(last, compacted, cancellationToken);
        (var view, var tail) = given ?? await FromLog(last, cancellationToken);
        var state = new WriteState(view.Index, local.Values, local.Pins, new LeaseTable())
        {
            Identity = identity,
            Quota = quota,
            CompactRevision = compacted,
        };
        state.Begin(token, last);
        LoadSide(state, side);
        AttachKeys(state);
        view.Publish(new PublishedState(last, compacted, state.Term));
        return new LoadedLog(state, view, Math.Max(tail.From(last), compacted + 1), MayHaveLeftOvers: given is not null);
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

    private async Task<GivenView> FromLog(long last, CancellationToken cancellationToken)
    {
        local.Values.Forget(); // what another writer did to the store may contradict what was seen here earlier
        var loaded = await LoadedIndex.Load(_store, last, log, cancellationToken);
        return new GivenView(new KeyspaceView(loaded.Index, local.Values, local.Pins, new PublishedState(last, -1, 0)), loaded.Tail);
    }

    // What the last writer appended that did not come here any more is read from the log. None of it was deleted: the mark is not above what the replica has. A store
    // that lost data and went on without it has other records than the replica: the last ones are compared.
    private async Task<GivenView?> FromReplica(long last, long compacted, CancellationToken cancellationToken)
    {
        if (await local.Replica.Take(last, compacted, cancellationToken) is not { } given)
            return null;

        var index = given.View.Index;
        var known = given.View.State.Revision;
        var fits = true;
        MetadataVisitor visit = (in RecordMetadata record, ReadOnlySpan<byte> key) =>
        {
            var version = KeyVersion.Of(record);
            if (version.Mod > known && fits)
            {
                given.Tail.Add(record.Revision, key.Length + record.ValueLength);
                index.Apply(key, version);
            }
            else if (!index.TryGetAt(key, version.Mod, out var here) || here.Mod != version.Mod || (here.Sub == version.Sub && here != version))
            {
                fits = false;
            }
        };
        var after = new RecordId(Math.Max(Math.Max(known - Compared, compacted), 0), int.MaxValue);
        while (fits && await _store.ScanMetadata(after, last, TailRecords, visit, cancellationToken) is { } read)
            after = read;

        if (fits)
            return given;

        log.LogCritical("The store has other records up to revision {Revision} than this process has seen: it lost data. Loading what it has", known);
        return null;
    }

    private static void LoadSide(WriteState state, List<SideRow> side)
    {
        foreach (var row in side)
        {
            if (row.Kind == SideKind.Lease)
            {
                (var id, var ttl) = LeaseRow.Read(row);
                state.Leases.Add(new LeaseRun(id, ttl, 0, 0, Math.Clamp(LeaseRow.Left(row), 0, ttl)));
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
/// <param name="View">What readers see of it.</param>
/// <param name="TailFrom">From this revision on the log is small enough to be kept in memory for watches.</param>
/// <param name="MayHaveLeftOvers">True when the log may hold what an earlier compaction did not come to delete, and the index knows nothing of that any more.</param>
internal sealed record LoadedLog(WriteState State, KeyspaceView View, long TailFrom, bool MayHaveLeftOvers);
