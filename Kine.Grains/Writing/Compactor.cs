using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Reads;
using Kine.Grains.SideState;
using Kine.Grains.Values;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>
/// Compaction. The mark is part of a batch, so it is durable before the first deletion. The index is thinned in slices between two requests, and what falls out of
/// it is deleted from the log in slices between two appends.
/// <code>
/// Compact -> mark durable -> longer reads below it end -> index slice -> log slices -> index slice -> ... -> keys that are gone
/// </code>
/// </summary>
internal sealed class Compactor(
    WriteLoop loop, IRevisionStore store, CompactionPins pins, ValueReader values, WriterOptions options, TimeProvider time, ILogger log)
{
    private const int SweepLeaves = 512;
    private const int Window = 8192; // records dropped from the index in one turn: a millisecond or two
    private static readonly TimeSpan LongestPin = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan DeleteRetry = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private volatile Task _running = Task.CompletedTask;
    private long _leftOverBelow; // the mark below which the log may hold what the index does not; one run at a time

    /// <summary>etcd v3 API, KV.Compact.</summary>
    public async Task<CompactionResponse> Compact(CompactionRequest request)
    {
        var reply = await loop.Submit(state =>
        {
            if (request.Revision <= state.CompactRevision)
                throw EtcdErrors.Compacted;

            if (request.Revision > state.Revision)
                throw EtcdErrors.FutureRevision;

            var before = state.CompactRevision;
            state.CompactRevision = request.Revision;
            state.Batch.CompactRevision = request.Revision;
            state.Batch.Append.Side.Add(MetaRow.Of(MetaRow.CompactRevision, request.Revision));
            state.Batch.Undo.Add(() => state.CompactRevision = before);
            state.Batch.Published.Add(() => Start(request.Revision));
            return new CompactionResponse { Header = state.Header() };
        });
        if (request.Physical)
            await _running;

        return reply;
    }

    /// <summary>
    /// Goes on below the mark of the writer before. Where the index knows nothing any more of what that one had yet to delete, the log is looked through for it, before
    /// the next compaction: that one may delete tombstones, and nothing that they ended may be left.
    /// </summary>
    public void GoOn(long revision, bool mayHaveLeftOvers)
    {
        if (mayHaveLeftOvers)
            _leftOverBelow = revision;
        else
            Start(revision);
    }

    /// <summary>Deletes what is below a durable mark, after what an earlier mark allowed. One caller at a time: the loop, or who starts it.</summary>
    public void Start(long revision) => _running = RunAfter(_running, revision);

    /// <summary>Compacts by itself, as often as the options say, until the writer ends.</summary>
    public async Task CompactByInterval(long revision)
    {
        while (options.CompactInterval > TimeSpan.Zero)
        {
            await Task.Delay(NextInterval(), time, _stop.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            if (_stop.IsCancellationRequested)
                return;

            revision = await CompactTo(revision);
        }
    }

    /// <summary>Deletes no more; what is left is deleted by the next writer.</summary>
    public async Task Stop()
    {
        await _stop.CancelAsync();
        await _running;
    }

    private TimeSpan NextInterval() =>
        options.CompactInterval * (1 + (options.CompactIntervalJitter * ((Random.Shared.NextDouble() * 2) - 1) / 100));

    // Compacts what was there an interval ago, so that every revision stays readable for at least that long. Returns the newest revision.
    private async Task<long> CompactTo(long earlier)
    {
        var target = earlier;
        try
        {
            (var revision, var compacted) = await loop.Call(static state => (state.Revision, state.CompactRevision));
            target = Math.Min(earlier, revision - options.CompactMinRetain);
            earlier = revision;
            if (target > compacted)
                await Compact(new CompactionRequest { Revision = target, Physical = true }).WaitAsync(options.CompactTimeout, time, _stop.Token);
        }
        catch (TimeoutException)
        {
            log.LogInformation("Compaction to revision {Revision} takes longer than {Timeout} and goes on", target, options.CompactTimeout);
        }
        catch (EtcdException error) when (loop.Life != WriterLife.Ended)
        {
            log.LogWarning(error, "Compaction by interval was refused");
        }
        catch (Exception ended) when (ended is EtcdException or OperationCanceledException)
        {
            // The loop of this method sees that too.
        }

        return earlier;
    }

    private async Task RunAfter(Task earlier, long revision)
    {
        await earlier;
        try
        {
            await pins.WaitBelow(revision, LongestPin, time).WaitAsync(_stop.Token);
            if (_leftOverBelow > 0)
                await DeleteLeftOvers();

            var run = await loop.Call(state => state.Index.Compact(revision));
            var ids = new List<RecordId>(Window);
            while (!_stop.IsCancellationRequested && await loop.Call(_ => run.DropHistory(Window, ids)) > 0)
            {
                // In log order neighbours share pages. It also keeps a tombstone behind the versions it ended, whatever a crash cuts off.
                ids.Sort();
                await DeleteInSlices(ids.ToArray());
                ids.ForEach(values.Remove);
                ids.Clear();
            }

            while (!_stop.IsCancellationRequested && await loop.Call(_ => run.SweepTombstones(SweepLeaves)))
            {
            }
        }
        catch (Exception) when (_stop.IsCancellationRequested || loop.Life == WriterLife.Ended)
        {
            // The next writer goes on with it.
        }
        catch (Exception error)
        {
            loop.Lose(error, "Compaction failed");
        }
    }

    private async Task DeleteLeftOvers()
    {
        var ids = new List<RecordId>(Window);
        var index = await loop.Call(static state => state.Index);
        MetadataVisitor visit = (in RecordMetadata record, ReadOnlySpan<byte> key) =>
        {
            var id = new RecordId(record.Revision, record.Sub);
            if (!index.Keeps(key, id, record.Tombstone, _leftOverBelow))
                ids.Add(id);
        };
        for (RecordId? after = new RecordId(0, 0); after is { } last;)
        {
            ids.Clear();
            try
            {
                after = await store.ScanMetadata(last, _leftOverBelow, Window, visit, _stop.Token);
            }
            catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
            {
                await WaitForStore(error);
                continue;
            }

            await DeleteInSlices(ids.ToArray());
        }

        _leftOverBelow = 0;
    }

    private async Task DeleteInSlices(ReadOnlyMemory<RecordId> ids)
    {
        while (ids.Length > 0)
        {
            _stop.Token.ThrowIfCancellationRequested();
            var count = Math.Min(ids.Length, options.CompactBatchSize);
            try
            {
                await store.Delete(ids[..count], CancellationToken.None);
                ids = ids[count..];
            }
            catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
            {
                // Never skipped: a tombstone deleted later without the versions it ended would bring its key back at the next start.
                await WaitForStore(error);
            }
        }
    }

    private async Task WaitForStore(Exception error)
    {
        log.LogWarning("Compaction waits for the store: {Reason}", error.Message);
        await Task.Delay(DeleteRetry, time, _stop.Token);
    }
}
