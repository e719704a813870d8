using Kine.Backends;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Fencing;

/// <summary>
/// One writer's time as the store's holder: taking over, staying, proving it, finding out what became of an append whose answer was lost, letting go. A worked
/// example:
/// <code>
/// TakeOver             epoch 4
/// Append, Append       signs of life: each renews the proof, counted from when it was sent
/// (idle)               Renew every third of the lease time
/// Append, no answer    Resolve: epoch 5, so that nothing sent under 4 can still land; the store's last revision tells
/// Release              the next one takes over at once
/// </code>
/// One append or resolution at a time; everything else from any thread.
/// </summary>
internal sealed class Tenure(
    IRevisionStore store, ReadProof proof, Candidacy candidacy, WriterOptions options, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _ended = new();
    private readonly HashSet<Guid> _holders = []; // ids that this tenure drew
    private SharedQuestion<bool>? _storeQuestion;
    private volatile Held? _held;
    private volatile bool _appending; // or looking for the outcome
    private long _aliveAt;

    /// <summary>Called once the store has another writer, or can't be trusted any more, with what was found.</summary>
    public Action<Exception, string> Lost { get; set; } = static (_, _) => { };

    /// <summary>Called just before a proof that had lapsed holds again.</summary>
    public Action Regained { get; set; } = static () => { };

    /// <summary>What every append has to show.</summary>
    public FenceToken Token => _held?.Token ?? default;

    /// <summary>True while an answer from memory needs no more proof.</summary>
    public bool IsProven => !AsksStore && proof.IsValid;

    private bool AsksStore => options.ProveAtStore && !store.IsExclusive;

    private bool HasEnded => _ended.IsCancellationRequested;

    /// <summary>Becomes the holder; throws "no leader" while another process holds the store.</summary>
    public async Task<Fence> TakeOver(CancellationToken cancellationToken)
    {
        do
        {
            if (await candidacy.Claimable(cancellationToken) is not { } seen)
                break;

            if (await Claim(seen, cancellationToken) is { } taken)
                return taken;
        }
        while (store.IsExclusive);
        throw EtcdErrors.NoLeader;
    }

    /// <summary>Shows the store that the holder lives, whenever no append has for a while.</summary>
    public async Task RenewWhenIdle()
    {
        while (!HasEnded && !store.IsExclusive)
        {
            await Task.Delay(options.RenewTime, time, _ended.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            if (!HasEnded && !_appending && time.GetElapsedTime(Volatile.Read(ref _aliveAt)) >= options.RenewTime / 2)
                await Renew();
        }
    }

    /// <summary>Completes once it is certain that nobody else had taken over when this was called; Unavailable when that cannot be shown in time.</summary>
    public Task Prove()
    {
        if (!AsksStore)
            return proof.Wait(options.RequestTimeout, time, CancellationToken.None);

        var question = Volatile.Read(ref _storeQuestion);
        if (question is null)
        {
            var first = new SharedQuestion<bool>(AskStore);
            question = Interlocked.CompareExchange(ref _storeQuestion, first, null) ?? first;
        }

        return question.Ask();
    }

    /// <summary>Appends under the present token. Whatever the store throws becomes an outcome.</summary>
    public async Task<AppendResult> Append(AppendBatch batch)
    {
        _appending = true;
        try
        {
            var sent = proof.Now;
            await store.Append(batch);
            Alive(sent);
            return new AppendResult(AppendOutcome.Durable);
        }
        catch (StoreUnavailableException error)
        {
            return new AppendResult(AppendOutcome.NotAppended, error);
        }
        catch (OutcomeUnknownException error)
        {
            return new AppendResult(AppendOutcome.Unknown, error);
        }
        catch (Exception error)
        {
            return new AppendResult(AppendOutcome.Lost, error);
        }
        finally
        {
            _appending = false;
        }
    }

    /// <summary>
    /// Finds out what became of an append whose answer was lost, however long that takes. First the epoch rises, so that nothing sent earlier can still land; then
    /// the store's last revision tells.
    /// </summary>
    public async Task<AppendResult> Resolve(AppendBatch batch)
    {
        _appending = true;
        try
        {
            for (var wait = FirstRetry; !HasEnded; wait = wait * 2 < LongestRetry ? wait * 2 : LongestRetry)
            {
                if (await TryResolve(batch) is { } result)
                    return result;

                await Task.Delay(wait, time, _ended.Token)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }

            return new AppendResult(AppendOutcome.Lost, new OperationCanceledException("the writer has ended"));
        }
        catch (Exception error)
        {
            return new AppendResult(AppendOutcome.Lost, error);
        }
        finally
        {
            _appending = false;
        }
    }

    /// <summary>Drops the proof and shows no more signs of life.</summary>
    public void End()
    {
        proof.Drop();
        _ended.Cancel();
    }

    /// <summary>Gives the store up, so that the next writer need not wait. False when that is not certain, or it was never taken.</summary>
    public async Task<bool> Release()
    {
        if (_held is not { } held)
            return false;

        try
        {
            await store.Release(held.Token, CancellationToken.None);
            return true;
        }
        catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException or FencedException)
        {
            log.LogWarning("The store was not released, so the next writer waits for the lease to run out: {Reason}", error.Message);
            return false;
        }
    }

    private async Task<Fence?> Claim(Fence seen, CancellationToken cancellationToken)
    {
        // Counted from before it was asked for: the store may have granted it at once, and the answer come late.
        var sent = proof.Now;
        var holder = candidacy.NewHolder();
        _holders.Add(holder);
        var taken = await store.TakeOver(seen, holder, options.HolderAddress, options.LeaseTime, cancellationToken);
        if (taken is not null && !HasEnded)
        {
            _held = new Held(new FenceToken(taken.Epoch, holder));
            Alive(sent);
        }

        return taken;
    }

    private async Task<bool> AskStore()
    {
        try
        {
            var fence = await store.ReadFence(CancellationToken.None);
            if (new FenceToken(fence.Epoch, fence.Holder) == Token)
                return true;

            Lost(HeldByAnother(fence), "The store has another writer");
            throw EtcdErrors.LeaderChanged;
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning("Reads cannot be proven: {Reason}", error.Message);
            throw EtcdErrors.TimedOut;
        }
    }

    private async Task Renew()
    {
        var token = Token;
        try
        {
            var sent = proof.Now;
            await store.Renew(token, CancellationToken.None);
            Alive(sent);
        }
        catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
        {
            log.LogWarning("The writer's lease could not be renewed: {Reason}", error.Message);
        }
        catch (FencedException) when (token != Token)
        {
            // This writer raised its own epoch meanwhile, to find out about an append.
        }
        catch (Exception error)
        {
            Lost(error, "The writer's lease is lost");
        }
    }

    // A sign of life sent at that moment has arrived.
    private void Alive(ProofTime sent)
    {
        if (HasEnded)
            return;

        if (!proof.IsValid)
            Regained();

        Volatile.Write(ref _aliveAt, time.GetTimestamp());
        proof.Renew(sent, options.LeaseTime);
    }

    // Null = not known yet.
    private async Task<AppendResult?> TryResolve(AppendBatch batch)
    {
        try
        {
            var seen = await store.ReadFence(CancellationToken.None);
            if (!_holders.Contains(seen.Holder))
                return new AppendResult(AppendOutcome.Lost, HeldByAnother(seen));

            // When this tenure ends meanwhile, the row names an id of this process, so that the next one need not wait.
            if (HasEnded || await Claim(seen, CancellationToken.None) is not { } taken)
                return null;

            if (taken.LastRevision != batch.LastRevision && taken.LastRevision != batch.ExpectedRevision)
            {
                return new AppendResult(
                    AppendOutcome.Lost, new InvalidDataException($"the store lost what it had confirmed: the log ends at revision {taken.LastRevision}"));
            }

            var durable = batch.LastRevision > batch.ExpectedRevision ? taken.LastRevision == batch.LastRevision : await HasSide(batch.Side);
            return new AppendResult(durable ? AppendOutcome.FoundDurable : AppendOutcome.FoundMissing);
        }
        catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
        {
            log.LogWarning("The store is not there yet: {Reason}", error.Message);
            return null;
        }
    }

    // Side state does not move the last revision. When all of it reads as the batch would have left it, it landed, or would have changed nothing.
    private async Task<bool> HasSide(List<SideRow> written)
    {
        var stored = new Dictionary<(SideKind, string), byte[]?>();
        foreach (var row in await store.ReadSide(CancellationToken.None))
            stored[(row.Kind, Convert.ToHexString(row.Key))] = row.Value;

        var last = new Dictionary<(SideKind, string), byte[]?>();
        written.ForEach(row => last[(row.Kind, Convert.ToHexString(row.Key))] = row.Value);
        return last.All(row => stored.GetValueOrDefault(row.Key) is { } value ? row.Value is not null && value.AsSpan().SequenceEqual(row.Value) : row.Value is null);
    }

    private static FencedException HeldByAnother(Fence fence) => new($"epoch {fence.Epoch} is held by another");

    private sealed record Held(FenceToken Token);
}
