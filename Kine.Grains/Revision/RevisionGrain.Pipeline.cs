using Kine.Backends;
using Kine.Grains.Fencing;
using Kine.Grains.Keyspace;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

// Evaluate, append, publish, answer.
public sealed partial class RevisionGrain
{
    private WriteState State => _state ?? throw EtcdErrors.NoLeader;

    private bool BatchIsFull => State.Batch.Append.Records.Count >= MaxBatchRecords || State.Batch.Append.Bytes >= MaxBatchBytes;

    private Task<TReply> Submit<TReply>(WriteOperation<TReply> operation)
        where TReply : class
    {
        if (_ended is not null)
        {
            throw new EtcdException(_ended.Code, _ended.Message);
        }

        if (_storeIsAway)
        {
            throw EtcdErrors.TimedOut;
        }

        if (_waitingBytes + operation.Size > MaxWaitingBytes || _waiting.Count + _parked >= MaxWaiting)
        {
            throw EtcdErrors.TooManyRequests;
        }

        if (_waiting.Count > 0 || BatchIsFull)
        {
            _waitingBytes += operation.Size;
            _waiting.Enqueue(operation);
        }
        else
        {
            Evaluate(operation);
        }

        if (!_appending)
        {
            _appending = true;
            _ = AppendAll();
        }

        return operation.Answered;
    }

    private Task<TReply> Submit<TReply>(Func<WriteState, TReply> evaluate)
        where TReply : class => Submit(new StateOperation<TReply>(evaluate));

    private void Evaluate(WriteOperation operation)
    {
        try
        {
            operation.Evaluate(State);
        }
        catch (EtcdException error)
        {
            operation.Error = error;
        }
        catch (Exception error)
        {
            // A transaction may have stopped half-way: what is in memory can't be trusted, what is in the store can.
            operation.Fail(EtcdErrors.LeaderChanged);
            End(EtcdErrors.LeaderChanged, error, "Evaluating a request failed");
            return;
        }

        if (operation.Needs is not null)
        {
            _parked++;
            _waitingBytes += operation.Size;
            _ = FetchThenEvaluate(operation);
            return;
        }

        State.Batch.Operations.Add(operation);
    }

    private void SayIfDrained()
    {
        if (!_appending && _waiting.Count == 0 && _parked == 0)
        {
            _drained?.TrySetResult();
        }
    }

    private async Task AppendAll()
    {
        try
        {
            // What is in the mailbox already goes into the first batch.
            await Task.Yield();
            while (_ended is null && State.Batch.Operations.Count > 0)
            {
                var batch = State.TakeBatch();
                if (batch.Writes)
                {
                    _unpublished.Add(batch);
                    if (!await Persist(batch))
                    {
                        continue;
                    }

                    _unpublished.Clear();
                }
                else if (!await IsProven(batch))
                {
                    continue;
                }

                if (_ended is null)
                {
                    Publish(batch);
                }

                EvaluateWaiting();
            }
        }
        catch (Exception error)
        {
            End(EtcdErrors.LeaderChanged, error, "The writer failed");
        }
        finally
        {
            _appending = false;
            SayIfDrained();
        }
    }

    // False when the batch was dealt with otherwise.
    private async Task<bool> Persist(WriteBatch batch)
    {
        _persisting = true;
        try
        {
            var sent = local.Proof.Now;
            await _store.Append(batch.Append);
            Alive(sent);
            return true;
        }
        catch (Exception error)
        {
            await AppendFailed(batch, error);
            return false;
        }
        finally
        {
            _persisting = false;
        }
    }

    // Answers without an append are reads: they need to be current.
    private async Task<bool> IsProven(WriteBatch batch)
    {
        if (local.Proof.Holds && !options.ProveAtStore)
        {
            return true;
        }

        try
        {
            await Prove(View.Id);
            return true;
        }
        catch (EtcdException error)
        {
            FailAll(batch, error);
            EvaluateWaiting();
            return false;
        }
    }

    private void EvaluateWaiting()
    {
        while (_ended is null && _waiting.Count > 0 && !BatchIsFull)
        {
            var operation = _waiting.Dequeue();
            _waitingBytes -= operation.Size;
            Evaluate(operation);
        }
    }

    private void Publish(WriteBatch batch)
    {
        if (batch.Writes)
        {
            State.Settle(batch);
            var before = View.State;
            var published = new PublishedState(
                batch.Append.LastRevision, Math.Max(before.CompactRevision, batch.CompactRevision), State.Term);
            View.Publish(published);
            var events = new EventBatch(before.Revision, published.Revision, published.CompactRevision, batch.Events);
            hub.Publish(events);
            SendToFollowers(events);
            foreach (var action in batch.Published)
            {
                action();
            }
        }

        foreach (var operation in batch.Operations)
        {
            operation.Answer(local.Values, options.RequestTimeout, time);
        }

        RefreshQuota(batch.Append.Bytes);
    }

    private async Task AppendFailed(WriteBatch batch, Exception error)
    {
        switch (error)
        {
            case StoreUnavailableException:
                log.LogWarning(error, "An append did not happen; its writes are refused");
                TakeBack(batch, EtcdErrors.TimedOut);
                break;
            case OutcomeUnknownException:
                log.LogWarning(error, "The answer to an append was lost; looking whether it landed");
                await ResolveUnknown(batch);
                break;
            case StoreBrokenException broken:
                Break(broken);
                break;
            default:
                End(EtcdErrors.LeaderChanged, error, "The store refused an append");
                break;
        }
    }

    // Undoes what was evaluated on top of the batch first, then the batch.
    private void TakeBack(WriteBatch batch, EtcdException error)
    {
        var later = State.Batch;
        State.Undo(later);
        State.Undo(batch);
        _unpublished.Clear();
        FailAll(later, error);
        FailAll(batch, error);
        EvaluateWaiting();
    }

    private static void FailAll(WriteBatch batch, EtcdException error)
    {
        foreach (var operation in batch.Operations)
        {
            operation.Release();
            operation.Fail(new EtcdException(error.Code, error.Message));
        }
    }

    // This activation writes no more: everybody is told, and the next call finds a new one that loads what the store holds.
    private void End(EtcdException error, Exception reason, string what)
    {
        if (_ended is not null)
        {
            return;
        }

        _ended = error;
        log.LogError(reason, "{What}; the writer starts over from the store", what);
        local.Writer = null;
        local.Proof.Drop();
        _leaseStop.Cancel();
        if (_state is not null)
        {
            FailAll(_state.Batch, error);
        }

        foreach (var batch in _unpublished)
        {
            FailAll(batch, error);
        }

        _unpublished.Clear();
        while (_waiting.TryDequeue(out var operation))
        {
            operation.Fail(error);
        }

        DeactivateOnIdle();
    }
}
