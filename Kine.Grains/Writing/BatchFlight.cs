using Kine.Backends;
using Kine.Grains.Fencing;
using Kine.Grains.Reads;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Writing;

/// <summary>
/// The one batch that is at the store, and what follows from its outcome. The loop's alone.
/// <code>
/// Start -> append -> durable         the next batch is sent; then this one is published: view, watches, followers; then answered
///                 -> not appended    what was evaluated on top is undone, then the batch; both are evaluated again and sent once more, or answered
///                                    "timed out" when they were, or are too old
///                 -> no answer       resolved, however long that takes: durable or not appended. After 7 s its callers are answered "timed out"
///                 -> refused         the writer ends
/// </code>
/// </summary>
internal sealed class BatchFlight(
    WriteLoop loop, ProcessState local, KeyspaceView view, Tenure tenure, WatchHub hub, WriterOptions options, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromSeconds(1);
    private static readonly Task<AppendResult> ProvenBatch = Task.FromResult(new AppendResult(AppendOutcome.Durable));

    private WriteBatch? _batch;
    private WriteBatch? _landed; // durable and not answered yet
    private Task<AppendResult>? _outcome;
    private Task<AppendResult>? _resolving;
    private long _sentAt; // the first time

    /// <summary>True until the batch's outcome was dealt with.</summary>
    public bool IsUnderWay => _outcome is not null;

    /// <summary>True when there is an outcome to conclude.</summary>
    public bool HasLanded => _outcome is { IsCompleted: true };

    /// <summary>Completes with the next outcome of a batch that is under way.</summary>
    public Task Landing => _outcome!;

    /// <summary>Sends what was evaluated so far, if anything was. Answers without an append are reads: they need to be current.</summary>
    public void StartNext()
    {
        if (loop.State.Batch.Operations.Count > 0)
            Start(loop.State.TakeBatch());
    }

    private void Start(WriteBatch batch)
    {
        _batch = batch;
        _sentAt = batch.FirstSentAt ?? time.GetTimestamp();
        WaitFor(batch.Writes ? tenure.Append(batch.Append) : tenure.IsProven ? ProvenBatch : Prove());
    }

    /// <summary>Does what the outcome asks for; the batch may stay under way until a later one.</summary>
    public async Task Conclude()
    {
        var result = await _outcome!;
        _outcome = null;
        Conclude(_batch!, result);
    }

    /// <summary>Answers what is still under way with an error: the writer has ended.</summary>
    public void Fail(EtcdException error)
    {
        _landed?.Fail(error);
        _batch?.Fail(error);
    }

    private void WaitFor(Task<AppendResult> outcome)
    {
        _outcome = outcome;
        if (!outcome.IsCompleted)
            _ = loop.NudgeAfter(outcome);
    }

    private async Task<AppendResult> Prove()
    {
        try
        {
            await tenure.Prove();
            return new AppendResult(AppendOutcome.Durable);
        }
        catch (EtcdException error)
        {
            return new AppendResult(AppendOutcome.Unproven, error);
        }
        catch (Exception error)
        {
            return new AppendResult(AppendOutcome.Lost, error);
        }
    }

    private async Task<AppendResult> ResolveInTime()
    {
        try
        {
            var left = options.RequestTimeout - time.GetElapsedTime(_sentAt);
            return await _resolving!.WaitAsync(left > ShortestWait ? left : ShortestWait, time);
        }
        catch (TimeoutException)
        {
            return new AppendResult(AppendOutcome.StillUnknown);
        }
    }

    private void Conclude(WriteBatch batch, AppendResult result)
    {
        switch (result.Outcome)
        {
            case AppendOutcome.Durable:
                // The store need not wait for what is left to do here.
                _landed = batch;
                _batch = null;
                StartNext();
                Publish(batch);
                _landed = null;
                return;
            case AppendOutcome.NotAppended:
                if (TakeBack(batch, result.Error is StoreFullException ? EtcdErrors.NoSpace : EtcdErrors.TimedOut))
                    log.LogInformation("An append did not happen; its writes are sent again: {Reason}", result.Error?.Message);
                else
                    log.LogWarning("An append did not happen; its writes are refused: {Reason}", result.Error?.Message);

                break;
            case AppendOutcome.Unproven:
                batch.Fail((EtcdException)result.Error!);
                break;
            case AppendOutcome.FoundDurable:
                RaiseTerm();
                Publish(batch);
                break;
            case AppendOutcome.FoundMissing:
                RaiseTerm();
                TakeBack(batch, EtcdErrors.TimedOut);
                break;
            case AppendOutcome.Unknown:
                log.LogWarning("The answer to an append was lost; looking whether it landed: {Reason}", result.Error?.Message);
                loop.Move(WriterLife.OutcomeUnknown);
                _resolving = tenure.Resolve(batch.Append);
                WaitFor(ResolveInTime());
                return;
            case AppendOutcome.StillUnknown:
                GiveUpWaiting(batch);
                WaitFor(_resolving!);
                return;
            default:
                loop.Lose(result.Error!, "The store does not let this writer go on");
                return;
        }

        _batch = null;
    }

    // The epoch rose while it was asked what became of an append.
    private void RaiseTerm()
    {
        loop.State.Renew(tenure.Token);
        hub.Identity = new ReplyIdentity(local.Identity.ClusterId, local.Identity.MemberId, loop.State.Term);
        loop.Move(WriterLife.Writing);
    }

    private void Publish(WriteBatch batch)
    {
        if (batch.Writes)
        {
            loop.State.MarkDurable(batch);
            var before = view.State;
            var published = new PublishedState(batch.Append.LastRevision, Math.Max(before.CompactRevision, batch.CompactRevision), loop.State.Term);
            view.Publish(published);
            var events = new EventBatch(before.Revision, published.Revision, published.CompactRevision, batch.Events);
            hub.Publish(events);
            loop.Published(events);
            foreach (var action in batch.Published)
                action();
        }

        foreach (var operation in batch.Operations)
            operation.Answer(local.Values, options.RequestTimeout, time);

        loop.State.Quota.Appended(batch.Append.Bytes);
    }

    // Undoes what was evaluated on top of the batch first, then the batch. None of it happened, so that all of it may be sent once more: a database, or a
    // proxy before it, that closed the connection while it was idle is found out by the next append.
    private bool TakeBack(WriteBatch batch, EtcdException refusal)
    {
        var later = loop.State.Batch;
        loop.State.Undo(later);
        loop.State.Undo(batch);
        var again = batch.FirstSentAt is null && time.GetElapsedTime(_sentAt) < options.RequestTimeout / 2;
        if (!again)
        {
            later.Fail(refusal);
            batch.Fail(refusal);
            return false;
        }

        foreach (var operation in batch.Operations.Concat(later.Operations))
            loop.EvaluateAgain(operation);

        if (loop.State.Batch.Operations.Count > 0) // not where all of them wait for a value
            loop.State.Batch.FirstSentAt = _sentAt;

        return true;
    }

    // Nobody waits for a store for ever. What may have landed is answered "timed out", which says that it may; the rest was never sent.
    private void GiveUpWaiting(WriteBatch batch)
    {
        if (!loop.Move(WriterLife.StoreAway))
        {
            loop.End(EtcdErrors.ServerStopped); // a drain that the store does not let end
            return;
        }

        batch.Operations.ForEach(static operation => operation.Fail(EtcdErrors.TimedOut));
        var later = loop.State.Batch;
        loop.State.Undo(later);
        later.Fail(EtcdErrors.TimedOut);
    }
}
