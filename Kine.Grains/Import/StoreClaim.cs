using Kine.Backends;

namespace Kine.Grains.Import;

/// <summary>The fence of a store that no server uses, taken by a command that writes to it. Disposing it gives the store to whoever comes next.</summary>
public sealed class StoreClaim : IAsyncDisposable
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private readonly IRevisionStore _store;

    private StoreClaim(IRevisionStore store, Fence held)
    {
        _store = store;
        Held = held;
    }

    /// <summary>The fence as taken.</summary>
    public Fence Held { get; }

    /// <summary>Waits out the claim of a process that died; throws <see cref="StoreRefusedException"/> when one is alive.</summary>
    public static async Task<StoreClaim> Take(IRevisionStore store, TimeProvider time, CancellationToken cancellationToken)
    {
        Fence seen = await store.ReadFence(cancellationToken);
        if (!seen.Released && !store.IsExclusive)
        {
            await Task.Delay(seen.LeaseTime > Lease ? seen.LeaseTime : Lease, time, cancellationToken);
            Fence later = await store.ReadFence(cancellationToken);
            if (!later.Released && (later.Epoch, later.Counter) != (seen.Epoch, seen.Counter))
            {
                throw InUse(store, later);
            }

            seen = later;
        }

        Fence? taken = await store.TakeOver(seen, Guid.NewGuid(), "", Lease, cancellationToken);
        return taken is null ? throw InUse(store, await store.ReadFence(cancellationToken)) : new StoreClaim(store, taken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _store.Release(new FenceToken(Held.Epoch, Held.Holder), CancellationToken.None);
        }
        catch (Exception error) when (error is FencedException or StoreUnavailableException or OutcomeUnknownException or StoreBrokenException)
        {
            // Whatever went wrong is on its way to the caller; the claim runs out by itself.
        }
    }

    private static StoreRefusedException InUse(IRevisionStore store, Fence fence) => new(
        $"{store.Description} is in use{(fence.Address.Length > 0 ? $" by the server at {fence.Address}" : "")}; stop it first");
}
