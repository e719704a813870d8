using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using Kine.Backends;
using Kine.Grains.Import;
using Kine.Grains.Index;
using Kine.Grains.Keyspace;
using Kine.Grains.Lease;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Revision;

// From the store's rows to a writer that answers, and back.
public sealed partial class RevisionGrain
{
    private const int ScanRecords = 10_000;
    private const int TailEvents = 4096;
    private const int TailBytes = 8 << 20;

    private WriteState? _state;
    private FenceToken _token;

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        try
        {
            var fence = await TakeOver(cancellationToken);
            if (!_store.IsExclusive)
            {
                _ = KeepLease();
            }

            await Load(fence, cancellationToken);
        }
        catch (Exception error)
        {
            _ended ??= EtcdErrors.NoLeader;
            _leaseStop.Cancel();
            local.Proof.Drop();
            if (error is OperationCanceledException && _token != default)
            {
                await Release(); // told to stop while it loaded what it had taken over
            }

            throw error switch
            {
                StoreUnavailableException or OutcomeUnknownException => Unreachable(error),
                FencedException => EtcdErrors.NoLeader,
                _ => error,
            };
        }
    }

    private EtcdException Unreachable(Exception error)
    {
        candidacy.SayUnreachable(error.Message);
        return EtcdErrors.TimedOut;
    }

    private async Task Load(Fence fence, CancellationToken cancellationToken)
    {
        fence = await MoveIn(fence, cancellationToken);
        var side = await _store.ReadSide(cancellationToken);
        var compacted = MetaRow.Read(side, MetaRow.CompactRevision) ?? WriteState.NotCompacted;
        var last = fence.LastRevision;
        if (last < hub.Revision)
        {
            last = compacted = await GoOnAboveLoss(fence);
        }

        var identity = await ReadIdentity(side, last);
        var index = new KeyIndex();
        var tailFrom = await LoadIndex(index, last, cancellationToken);
        var state = new WriteState(index, local.Values, local.Holds, new LeaseTable())
        {
            Identity = identity,
            Quota = new SpaceQuota(options.QuotaBackendBytes),
            CompactRevision = compacted,
        };
        state.Begin(_token, last);
        state.Quota.Set(await _store.Size(cancellationToken));
        LoadSide(state, side);
        AttachKeys(state);
        if (_ended is not null)
        {
            throw new EtcdException(_ended.Code, _ended.Message); // the lease was lost while loading
        }

        _state = state;
        var view = new KeyspaceView(index, local.Values, local.Holds, new PublishedState(last, compacted, state.Term));
        local.Identity = identity;
        local.Writer = view;
        await LoadWatches(Math.Max(tailFrom, compacted + 1), view.State, cancellationToken);
        StartClocks();
        if (compacted > 0)
        {
            // A compaction that the last writer did not finish goes on.
            _compaction = RunCompaction(compacted);
        }

        StartCompactionTimer();
        if (!_store.IsExclusive)
        {
            log.LogInformation("This process is the store's writer now: epoch {Epoch}, revision {Revision}", _token.Epoch, last);
        }
    }

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => await Stop();

    /// <inheritdoc/>
    public async Task Stop()
    {
        if (_ended is not null)
        {
            return;
        }

        _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_appending)
        {
            await _drained.Task;
        }

        if (_ended is null)
        {
            _ended = EtcdErrors.ServerStopped;
            local.Writer = null;
            local.Proof.Drop();
            _leaseStop.Cancel();
            _compactionStop.Cancel();
            if (_compaction is not null)
            {
                await _compaction;
            }

            await Release();
        }
    }

    private async Task Release()
    {
        try
        {
            await _store.Release(_token, CancellationToken.None);
        }
        catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException or FencedException)
        {
            log.LogWarning("The store was not released, so the next writer waits for the lease to run out: {Reason}", error.Message);
        }
    }

    private async Task<Fence> MoveIn(Fence fence, CancellationToken cancellationToken)
    {
        try
        {
            return await UpstreamImport.Run(_store, fence, log, time, cancellationToken);
        }
        catch (Exception error) when (error is StoreRefusedException or ImportException)
        {
            await Release();
            throw;
        }
    }

    // Returns the revision from which on the log's tail is small enough to be kept in memory for watches.
    private async Task<long> LoadIndex(KeyIndex index, long lastRevision, CancellationToken cancellationToken)
    {
        var tail = new Queue<(long Revision, int Bytes)>();
        long tailBytes = 0;
        var watch = Stopwatch.StartNew();
        var nextReport = TimeSpan.FromSeconds(1);
        long count = 0;
        var after = new RecordId(0, 0);
        MetadataVisitor visit = (in RecordMetadata record, ReadOnlySpan<byte> key) =>
        {
            count++;
            tail.Enqueue((record.Revision, key.Length + record.ValueLength));
            tailBytes += key.Length + record.ValueLength;
            while (tail.Count > TailEvents || tailBytes > TailBytes)
            {
                tailBytes -= tail.Dequeue().Bytes;
            }

            index.Apply(key, record.Tombstone
                ? KeyVersion.Tombstone(record.Revision, record.Sub)
                : new KeyVersion(record.Revision, record.Sub, record.CreateRevision, record.Version, record.Lease, record.ValueLength));
        };
        index.BeginLoad();
        await using var loader = new IndexLoader(visit);
        while (await _store.ScanMetadata(after, lastRevision, ScanRecords, loader.Add, cancellationToken) is { } last)
        {
            after = last;
            if (watch.Elapsed > nextReport)
            {
                log.LogInformation("Loading the index: {Count} records, revision {Revision} of {Last}", Volatile.Read(ref count), last.Revision, lastRevision);
                nextReport = watch.Elapsed + TimeSpan.FromSeconds(1);
            }
        }

        await loader.Finish();
        index.FinishLoad();

        // Its first revision may have lost records to the bounds.
        return tail.Count > 0 ? tail.Peek().Revision + 1 : lastRevision + 1;
    }

    private async Task LoadWatches(long from, PublishedState state, CancellationToken cancellationToken)
    {
        var events = new List<KeyEvent>();
        for (var next = from; next <= state.Revision;)
        {
            var page = await history.ReadEvents(next, state.Revision, TailEvents, TailBytes, cancellationToken);
            events.AddRange(page.Events);
            next = page.Through + 1;
        }

        hub.Identity = new ReplyIdentity(local.Identity.ClusterId, local.Identity.MemberId, state.Term);
        hub.Load(Math.Min(from, state.Revision + 1), state.Revision, state.CompactRevision, events);
    }

    private void LoadSide(WriteState state, List<SideRow> side)
    {
        foreach (var row in side)
        {
            if (row.Kind == SideKind.Lease)
            {
                var lease = state.Leases.Add(
                    BinaryPrimitives.ReadInt64BigEndian(row.Key), BinaryPrimitives.ReadInt64BigEndian(row.Value));
                lease.NotedAt = time.GetTimestamp();
            }
            else if (row.Kind == SideKind.Alarm)
            {
                state.Alarms.Add(AlarmRules.Read(row));
            }
        }
    }

    private static void AttachKeys(WriteState state)
    {
        if (state.Leases.Count == 0)
        {
            return;
        }

        var cursor = state.Index.Range(KeyRange.All, state.Revision);
        while (cursor.MoveNext())
        {
            if (cursor.Current.Lease != 0)
            {
                state.Leases.Move(cursor.Key.ToArray(), 0, cursor.Current.Lease);
            }
        }
    }

    private async Task<ClusterIdentity> ReadIdentity(List<SideRow> side, long lastRevision)
    {
        if (MetaRow.Read(side, MetaRow.ClusterId) is { } cluster && MetaRow.Read(side, MetaRow.MemberId) is { } member)
        {
            return new ClusterIdentity((ulong)cluster, (ulong)member);
        }

        var identity = new ClusterIdentity(RandomId(), RandomId());
        var append = new AppendBatch { Token = _token, ExpectedRevision = lastRevision, LastRevision = lastRevision };
        append.Side.Add(new SideRow(SideKind.Meta, MetaRow.ClusterId, LeaseEntry.RowKey((long)identity.ClusterId)));
        append.Side.Add(new SideRow(SideKind.Meta, MetaRow.MemberId, LeaseEntry.RowKey((long)identity.MemberId)));
        await _store.Append(append);
        return identity;
    }

    private static ulong RandomId() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
}
