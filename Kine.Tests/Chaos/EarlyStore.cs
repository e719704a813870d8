using Kine.Backends;
using Kine.Tests.Fencing;

namespace Kine.Tests.Chaos;

/// <summary>Planted: an append is answered before it is durable. Batches land one after the other, a moment later.</summary>
internal sealed class EarlyStore(SharedStore inner) : PlantedStore(inner)
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(20);
    private readonly Lock _lock = new(); // protects _last
    private Task _last = Task.CompletedTask;

    public override Task Append(AppendBatch batch)
    {
        lock (_lock)
        {
            _last = Land(_last, batch);
        }

        return Task.CompletedTask;
    }

    private async Task Land(Task before, AppendBatch batch)
    {
        await before;
        await Task.Delay(Moment);
        await Inner.Append(batch);
    }
}
