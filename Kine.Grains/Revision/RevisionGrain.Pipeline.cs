using Kine.Backends;
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

    // Only this operation waits; others that touch the same keys may overtake it, as concurrent requests may.
    private async Task FetchThenEvaluate(WriteOperation operation)
    {
        try
        {
            operation.Resume(await local.Values.Read(operation.Needs!, CancellationToken.None));
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning(error, "A value that a transaction depends on could not be read");
            operation.Fail(EtcdErrors.TimedOut);
            return;
        }
        finally
        {
            _parked--;
            _waitingBytes -= operation.Size;
        }

        if (_ended is not null)
        {
            operation.Fail(_ended);
            return;
        }

        Evaluate(operation);
        if (!_appending)
        {
            _appending = true;
            await AppendAll();
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
                WriteBatch batch = State.TakeBatch();
                if (batch.Writes)
                {
                    _unpublished.Add(batch);
                    try
                    {
                        await _store.Append(batch.Append);
                    }
                    catch (Exception error)
                    {
                        await AppendFailed(batch, error);
                        continue;
                    }

                    _unpublished.Clear();
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
            if (_waiting.Count == 0 && _parked == 0)
            {
                _drained?.TrySetResult();
            }
        }
    }

    private void EvaluateWaiting()
    {
        while (_ended is null && _waiting.Count > 0 && !BatchIsFull)
        {
            WriteOperation operation = _waiting.Dequeue();
            _waitingBytes -= operation.Size;
            Evaluate(operation);
        }
    }

    private void Publish(WriteBatch batch)
    {
        if (batch.Writes)
        {
            State.Settle(batch);
            PublishedState before = View.State;
            var published = new PublishedState(
                batch.Append.LastRevision, Math.Max(before.CompactRevision, batch.CompactRevision), State.Term);
            View.Publish(published);
            var events = new EventBatch(before.Revision, published.Revision, published.CompactRevision, batch.Events);
            hub.Publish(events);
            SendToFollowers(events);
            foreach (Action action in batch.Published)
            {
                action();
            }
        }

        foreach (WriteOperation operation in batch.Operations)
        {
            operation.Answer(local.Values);
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
            case StoreBrokenException:
                End(EtcdErrors.ServerStopped, error, "The store can't be trusted any more");
                options.Fatal(error.Message);
                break;
            default:
                End(EtcdErrors.LeaderChanged, error, "The store refused an append");
                break;
        }
    }

    // Undoes what was evaluated on top of the batch first, then the batch.
    private void TakeBack(WriteBatch batch, EtcdException error)
    {
        WriteBatch later = State.Batch;
        State.Undo(later);
        State.Undo(batch);
        _unpublished.Clear();
        FailAll(later, error);
        FailAll(batch, error);
        EvaluateWaiting();
    }

    private static void FailAll(WriteBatch batch, EtcdException error)
    {
        foreach (WriteOperation operation in batch.Operations)
        {
            operation.Release();
            operation.Fail(new EtcdException(error.Code, error.Message));
        }
    }

    // First the epoch rises, so that nothing sent earlier can still land; then the store's last revision tells.
    private async Task ResolveUnknown(WriteBatch batch)
    {
        Guid holder = Guid.NewGuid();
        for (TimeSpan wait = TimeSpan.FromMilliseconds(20); _ended is null; wait = TimeSpan.FromTicks(Math.Min(wait.Ticks * 2, TimeSpan.TicksPerSecond)))
        {
            try
            {
                Fence seen = await _store.ReadFence(CancellationToken.None);
                if (seen.Holder != _token.Holder && seen.Holder != holder)
                {
                    End(EtcdErrors.LeaderChanged, new FencedException($"Epoch {seen.Epoch} is held by another"), "The store has another writer");
                    return;
                }

                Fence? taken = seen.Holder == holder ? seen : await _store.TakeOver(seen, holder, options.ClientUrl, options.LeaseTime, CancellationToken.None);
                if (taken is null)
                {
                    continue;
                }

                _token = new FenceToken(taken.Epoch, holder);
                if (taken.LastRevision == batch.Append.LastRevision && batch.Append.Records.Count > 0)
                {
                    State.Renew(_token);
                    _unpublished.Clear();
                    Publish(batch);
                }
                else if (taken.LastRevision == batch.PreviousRevision && batch.Append.Side.Count == 0)
                {
                    TakeBack(batch, EtcdErrors.TimedOut);
                    State.Renew(_token);
                }
                else
                {
                    // Side state does not move the revision: whether it landed shows only by loading it anew.
                    End(EtcdErrors.LeaderChanged, new OutcomeUnknownException("Side state may have been written"), "Starting over from the store");
                }

                return;
            }
            catch (StoreUnavailableException error)
            {
                log.LogWarning(error, "The store is not there yet");
                await Task.Delay(wait, time);
            }
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
        if (_state is not null)
        {
            FailAll(_state.Batch, error);
        }

        foreach (WriteBatch batch in _unpublished)
        {
            FailAll(batch, error);
        }

        _unpublished.Clear();
        while (_waiting.TryDequeue(out WriteOperation? operation))
        {
            operation.Fail(error);
        }

        DeactivateOnIdle();
    }
}
