using Kine.Backends;
using Kine.Tests.Fencing;

namespace Kine.Tests.Chaos;

/// <summary>Planted: nobody asks who holds the store. What is in the log at a revision stays; the later write of the same revision is thought to have landed.</summary>
internal sealed class FencelessStore(SharedStore inner) : PlantedStore(inner)
{
    public override async Task Append(AppendBatch batch)
    {
        while (true)
        {
            var fence = await Inner.ReadFence(CancellationToken.None);
            var late = new AppendBatch
            {
                Token = new FenceToken(fence.Epoch, fence.Holder),
                ExpectedRevision = fence.LastRevision,
                LastRevision = Math.Max(fence.LastRevision, batch.LastRevision),
            };
            late.Records.AddRange(batch.Records.Where(record => record.Revision > fence.LastRevision));
            late.Side.AddRange(batch.Side);
            try
            {
                await Inner.Append(late);
                return;
            }
            catch (FencedException)
            {
                // Somebody else appended meanwhile: without a fence nobody would know.
            }
        }
    }

    public override async Task Renew(FenceToken token, CancellationToken cancellationToken)
    {
        var fence = await Inner.ReadFence(cancellationToken);
        await Inner.Renew(new FenceToken(fence.Epoch, fence.Holder), cancellationToken);
    }
}
