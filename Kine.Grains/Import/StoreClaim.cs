using Kine.Backends;

namespace Kine.Grains.Import;

/// <summary>The fence of a store that no server uses, taken by a command that writes to it. Disposing it gives the store to whoever comes next.</summary>
public sealed class StoreClaim : IAsyncDisposable
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private readonly IRevisionStore _store;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _renewals;

    private StoreClaim(IRevisionStore store, Fence held, TimeProvider time)
    {
        _store = store;
        _time = time;
        Held = held;
        _renewals = store.IsExclusive ? Task.CompletedTask : Renew();
    }

    /// <summary>The fence as taken.</summary>
    public Fence Held { get; }

    /// <summary>Waits out the claim of a process that died; throws <see cref="StoreRefusedException"/> when one is alive.</summary>
    public static async Task<StoreClaim> Take(IRevisionStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        var seen = await store.ReadFence(cancellationToken);
        if (!seen.Released && !store.IsExclusive)
        {
            await Task.Delay(seen.LeaseTime > Lease ? seen.LeaseTime : Lease, time, cancellationToken);
            var later = await store.ReadFence(cancellationToken);
            if (!later.Released && (later.Epoch, later.Counter) != (seen.Epoch, seen.Counter))
                throw InUse(store, later);

            seen = later;
        }

        var taken = await store.TakeOver(seen, Guid.NewGuid(), "", Lease, cancellationToken);
        return taken is null ? throw InUse(store, await store.ReadFence(cancellationToken)) : new StoreClaim(store, taken, time);
    }

    /// <summary>Throws <see cref="FencedException"/> when the store was taken over by somebody else meanwhile.</summary>
    public Task Check(CancellationToken cancellationToken) => _store.Renew(Token, cancellationToken);

    private FenceToken Token => new(Held.Epoch, Held.Holder);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _renewals;
        _stop.Dispose();
        try
        {
            await _store.Release(Token, CancellationToken.None);
        }
        catch (Exception error) when (error is FencedException or StoreUnavailableException or OutcomeUnknownException or StoreBrokenException)
        {
            // Whatever went wrong is on its way to the caller; the claim runs out by itself.
        }
    }

    // So that no standby takes over while something else than appends takes long.
    private async Task Renew()
    {
        while (!_stop.IsCancellationRequested)
        {
            await Task.Delay(Lease / 4, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (!_stop.IsCancellationRequested)
                    await _store.Renew(Token, CancellationToken.None);
            }
            catch (Exception error) when (error is FencedException or StoreUnavailableException or OutcomeUnknownException)
            {
                // The next append, or the check at the end, tells.
            }
        }
    }

    private static StoreRefusedException InUse(IRevisionStore store, Fence fence) => new(
        $"{store.Description} is in use{(fence.Address.Length > 0 ? $" by the server at {fence.Address}" : "")}; stop it first");
}
