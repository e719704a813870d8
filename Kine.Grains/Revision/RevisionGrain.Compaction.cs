using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Index;
using Kine.Grains.Lease;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Revision;

// The mark is part of a batch, so it is durable before the first deletion. Deletions go in small slices between appends.
public sealed partial class RevisionGrain
{
    private static readonly TimeSpan LongestHold = TimeSpan.FromMinutes(2);
    private const int SweepLeaves = 512;
    private const int CompactWindow = 8192; // records dropped from the index in one turn: a millisecond or two
    private static readonly TimeSpan DeleteRetry = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource _compactionStop = new();
    private Task? _compaction;
    private IGrainTimer? _intervalTimer;
    private long _intervalTarget;

    /// <inheritdoc/>
    public async Task<CompactionResponse> Compact(CompactionRequest request)
    {
        var reply = await Submit(state =>
        {
            if (request.Revision <= state.CompactRevision)
            {
                throw EtcdErrors.Compacted;
            }

            if (request.Revision > state.Revision)
            {
                throw EtcdErrors.FutureRevision;
            }

            var before = state.CompactRevision;
            state.CompactRevision = request.Revision;
            state.Batch.CompactRevision = request.Revision;
            state.Batch.Append.Side.Add(new SideRow(SideKind.Meta, MetaRow.CompactRevision, LeaseEntry.RowKey(request.Revision)));
            state.Batch.Undo.Add(() => state.CompactRevision = before);
            state.Batch.Published.Add(() => _compaction = RunCompaction(request.Revision));
            return new CompactionResponse { Header = state.Header() };
        });
        if (request.Physical && _compaction is { } running)
        {
            await running;
        }

        return reply;
    }

    private async Task RunCompaction(long revision)
    {
        if (_compaction is { } earlier)
        {
            await earlier;
        }

        try
        {
            await local.Holds.WaitBelow(revision, LongestHold, time);
            var run = State.Index.Compact(revision);
            var ids = new List<RecordId>(CompactWindow);
            while (_ended is null && !_compactionStop.IsCancellationRequested)
            {
                ids.Clear();
                if (run.DropHistory(CompactWindow, ids) == 0)
                {
                    break;
                }

                // In log order neighbours share pages. It also keeps a tombstone behind the versions it ended, whatever a crash cuts off.
                ids.Sort();
                await DeleteInSlices(ids.ToArray());
            }

            while (_ended is null && run.SweepTombstones(SweepLeaves))
            {
                await Task.Yield();
            }
        }
        catch (StoreBrokenException error)
        {
            End(EtcdErrors.ServerStopped, error, "The store can't be trusted any more");
            options.Fatal(error.Message);
        }
        catch (Exception error)
        {
            End(EtcdErrors.LeaderChanged, error, "Compaction failed");
        }
    }

    private async Task DeleteInSlices(ReadOnlyMemory<RecordId> ids)
    {
        while (ids.Length > 0 && _ended is null && !_compactionStop.IsCancellationRequested)
        {
            var count = Math.Min(ids.Length, options.CompactBatchSize);
            try
            {
                await _store.Delete(ids[..count], CancellationToken.None);
                ids = ids[count..];
            }
            catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
            {
                // Never skipped: a tombstone deleted later without the versions it ended would bring its key back at the next start.
                log.LogWarning(error, "Compaction waits for the store");
                await Task.Delay(DeleteRetry, time);
            }
        }
    }

    private void StartCompactionTimer()
    {
        if (options.CompactInterval > TimeSpan.Zero)
        {
            _intervalTarget = State.Revision;
            _intervalTimer = this.RegisterGrainTimer(
                CompactByInterval,
                new GrainTimerCreationOptions { DueTime = NextInterval(), Period = Timeout.InfiniteTimeSpan, Interleave = true, KeepAlive = true });
        }
    }

    private TimeSpan NextInterval() =>
        options.CompactInterval * (1 + (options.CompactIntervalJitter * ((Random.Shared.NextDouble() * 2) - 1) / 100));

    // Compacts what was there an interval ago, so that every revision stays readable for at least that long.
    private async Task CompactByInterval(CancellationToken cancellationToken)
    {
        if (_ended is not null)
        {
            return;
        }

        _intervalTimer!.Change(NextInterval(), Timeout.InfiniteTimeSpan);
        var target = Math.Min(_intervalTarget, State.Revision - options.CompactMinRetain);
        _intervalTarget = State.Revision;
        if (target > State.CompactRevision)
        {
            try
            {
                await Compact(new CompactionRequest { Revision = target, Physical = true }).WaitAsync(options.CompactTimeout, time, cancellationToken);
            }
            catch (TimeoutException)
            {
                log.LogInformation("Compaction to revision {Revision} takes longer than {Timeout} and goes on", target, options.CompactTimeout);
            }
            catch (EtcdException error)
            {
                log.LogWarning(error, "Compaction by interval was refused");
            }
        }
    }
}
