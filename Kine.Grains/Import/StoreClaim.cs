using Kine.Backends;

namespace Kine.Grains.Import;

/// <summary>Takes the fence of a store that no server uses, for a command that writes to it.</summary>
public static class StoreClaim
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The fence as taken. Waits out the claim of a process that died; throws <see cref="StoreRefusedException"/> when one is alive.
    /// </summary>
    public static async Task<Fence> Take(IRevisionStore store, TimeProvider time, CancellationToken cancellationToken)
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

        return await store.TakeOver(seen, Guid.NewGuid(), "", Lease, cancellationToken)
            ?? throw InUse(store, await store.ReadFence(cancellationToken));
    }

    private static StoreRefusedException InUse(IRevisionStore store, Fence fence) => new(
        $"{store.Description} is in use{(fence.Address.Length > 0 ? $" by the server at {fence.Address}" : "")}; stop it first");
}
