using Kine.Backends;
using Kine.Etcd;
using Kine.Grains.Fencing;
using Kine.Grains.Prefix;
using Kine.Grains.Watch;
using Microsoft.Extensions.Logging;

namespace Kine.Grains.Revision;

// Becoming the store's writer, staying it, and finding out what became of an append whose answer was lost.
public sealed partial class RevisionGrain
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource _leaseStop = new();
    private SharedQuestion<bool>? _storeQuestion;
    private readonly HashSet<Guid> _holders = []; // ids that this activation drew
    private long _unknownSince;
    private bool _storeIsAway;

    /// <inheritdoc/>
    public async Task Prove(Guid view)
    {
        if (options.ProveAtStore && !_store.IsExclusive)
        {
            await (_storeQuestion ??= new SharedQuestion<bool>(AskStore)).Ask();
        }
        else
        {
            await local.Proof.Wait(options.RequestTimeout, time, CancellationToken.None);
        }

        // A later writer's proof says nothing about what this one showed.
        if (local.Writer?.Id != view)
        {
            throw EtcdErrors.LeaderChanged;
        }
    }

    private async Task<bool> AskStore()
    {
        try
        {
            var fence = await _store.ReadFence(CancellationToken.None);
            if (fence.Epoch == _token.Epoch && fence.Holder == _token.Holder)
            {
                return true;
            }

            End(EtcdErrors.LeaderChanged, new FencedException($"epoch {fence.Epoch} is held by another"), "The store has another writer");
            throw EtcdErrors.LeaderChanged;
        }
        catch (StoreUnavailableException error)
        {
            log.LogWarning("Reads cannot be proven: {Reason}", error.Message);
            throw EtcdErrors.TimedOut;
        }
    }

    // Throws "no leader" while another process holds the store.
    private async Task<Fence> TakeOver(CancellationToken cancellationToken)
    {
        do
        {
            if (await candidacy.Claimable(cancellationToken) is not { } seen)
            {
                break;
            }

            // Counted from before it was asked for: the store may have granted it at once, and the answer come late.
            var sent = local.Proof.Now;
            var holder = NewHolder();
            if (await _store.TakeOver(seen, holder, options.ClientUrl, options.LeaseTime, cancellationToken) is { } taken)
            {
                if (!candidacy.IsOwn(seen.Holder))
                {
                    local.Values.Forget(); // what another writer did to the store may contradict what was seen here earlier
                }

                _token = new FenceToken(taken.Epoch, holder);
                local.Proof.Renew(sent, options.LeaseTime);
                return taken;
            }
        }
        while (_store.IsExclusive);
        throw EtcdErrors.NoLeader;
    }

    private Guid NewHolder()
    {
        var holder = candidacy.NewHolder();
        _holders.Add(holder);
        return holder;
    }

    // Appends are signs of life too: only an idle writer renews.
    private async Task KeepLease()
    {
        while (_ended is null)
        {
            await Task.Delay(options.RenewTime, time, _leaseStop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            if (_ended is null && !_persisting && time.GetElapsedTime(_aliveAt) >= options.RenewTime / 2)
            {
                await Renew();
            }
        }
    }

    private async Task Renew()
    {
        var token = _token;
        try
        {
            var sent = local.Proof.Now;
            await _store.Renew(token, CancellationToken.None);
            Alive(sent);
        }
        catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
        {
            log.LogWarning("The writer's lease could not be renewed: {Reason}", error.Message);
        }
        catch (FencedException) when (token != _token)
        {
            // This writer raised its own epoch meanwhile, to find out about an append.
        }
        catch (StoreBrokenException error)
        {
            Break(error);
        }
        catch (Exception error)
        {
            End(EtcdErrors.LeaderChanged, error, "The writer's lease is lost");
        }
    }

    // A sign of life sent at that moment has arrived.
    private void Alive(ProofTime sent)
    {
        if (_ended is not null)
        {
            return;
        }

        var lapsed = !local.Proof.Holds;
        _aliveAt = time.GetTimestamp();
        local.Proof.Renew(sent, options.LeaseTime);
        if (lapsed && _state is not null)
        {
            // Nobody's keep-alives were answered meanwhile.
            log.LogInformation("The store answers again; all leases have their whole time to live again");
            RestartClocks();
        }
    }

    private void Break(StoreBrokenException error)
    {
        End(EtcdErrors.ServerStopped, error, "The store can't be trusted any more");
        options.Fatal(error.Message);
    }

    // First the epoch rises, so that nothing sent earlier can still land; then the store's last revision tells.
    private async Task ResolveUnknown(WriteBatch batch)
    {
        _unknownSince = time.GetTimestamp();
        for (var wait = FirstRetry; _ended is null; wait = wait * 2 < LongestRetry ? wait * 2 : LongestRetry)
        {
            try
            {
                if (await TryResolve(batch))
                {
                    break;
                }
            }
            catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException)
            {
                log.LogWarning("The store is not there yet: {Reason}", error.Message);
                AnswerWhileAway(batch);
            }

            await Task.Delay(wait, time);
        }

        _storeIsAway = false;
    }

    private async Task<bool> TryResolve(WriteBatch batch)
    {
        var seen = await _store.ReadFence(CancellationToken.None);
        if (_ended is not null)
        {
            return true;
        }

        if (!_holders.Contains(seen.Holder))
        {
            End(EtcdErrors.LeaderChanged, new FencedException($"epoch {seen.Epoch} is held by another"), "The store has another writer");
            return true;
        }

        var holder = NewHolder();
        var sent = local.Proof.Now;
        if (await _store.TakeOver(seen, holder, options.ClientUrl, options.LeaseTime, CancellationToken.None) is not { } taken)
        {
            return false;
        }

        if (_ended is not null)
        {
            return true; // the row names an id of this process, so that the next activation need not wait
        }

        _token = new FenceToken(taken.Epoch, holder);
        State.Renew(_token);
        hub.Identity = new ReplyIdentity(local.Identity.ClusterId, local.Identity.MemberId, State.Term);
        if (taken.LastRevision != batch.Append.LastRevision && taken.LastRevision != batch.PreviousRevision)
        {
            End(EtcdErrors.LeaderChanged, new InvalidDataException($"the log ends at revision {taken.LastRevision}"), "The store lost what it had confirmed");
            return true;
        }

        var landed = batch.Append.LastRevision > batch.PreviousRevision
            ? taken.LastRevision == batch.Append.LastRevision
            : await SideIsThere(batch.Append.Side);
        if (landed)
        {
            _unpublished.Clear();
            Publish(batch);
        }
        else
        {
            TakeBack(batch, EtcdErrors.TimedOut);
            State.Renew(_token);
        }

        Alive(sent);
        return true;
    }

    // Side state does not move the last revision. When all of it reads as the batch would have left it, it landed, or would have changed nothing.
    private async Task<bool> SideIsThere(List<SideRow> written)
    {
        var stored = new Dictionary<(SideKind, string), byte[]?>();
        foreach (var row in await _store.ReadSide(CancellationToken.None))
        {
            stored[(row.Kind, Convert.ToHexString(row.Key))] = row.Value;
        }

        var last = new Dictionary<(SideKind, string), byte[]?>();
        written.ForEach(row => last[(row.Kind, Convert.ToHexString(row.Key))] = row.Value);
        return last.All(row => stored.GetValueOrDefault(row.Key) is { } value ? row.Value is not null && value.AsSpan().SequenceEqual(row.Value) : row.Value is null);
    }

    // Nobody waits for a store for ever. What may have landed is answered "timed out", which says that it may; the rest was never sent.
    private void AnswerWhileAway(WriteBatch batch)
    {
        if (_ended is not null || time.GetElapsedTime(_unknownSince) < options.RequestTimeout)
        {
            return;
        }

        _storeIsAway = true;
        batch.Operations.ForEach(static operation => operation.Fail(EtcdErrors.TimedOut));
        var later = State.Batch;
        State.Undo(later);
        FailAll(later, EtcdErrors.TimedOut);
        while (_waiting.TryDequeue(out var operation))
        {
            _waitingBytes -= operation.Size;
            operation.Fail(EtcdErrors.TimedOut);
        }
    }

    // A log that ends before what was published here: the store lost what it had confirmed. Going on far above it lets nobody mistake new revisions for those
    // that are gone, and the mark makes every client read anew.
    private async Task<long> GoOnAboveLoss(Fence fence)
    {
        var last = hub.Revision + RevisionsAfterLoss;
        log.LogCritical(
            "The store lost data: revision {Published} was published here, but its log ends at {Last}. Going on at revision {Next}; all watches are cancelled",
            hub.Revision, fence.LastRevision, last);
        var append = new AppendBatch { Token = _token, ExpectedRevision = fence.LastRevision, LastRevision = last };
        append.Side.Add(new SideRow(SideKind.Meta, MetaRow.CompactRevision, Lease.LeaseEntry.RowKey(last)));
        await _store.Append(append);
        return last;
    }
}
