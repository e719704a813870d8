using Kine.Backends.Memory;
using Kine.Etcd;
using Kine.Grains.Writing;

namespace Kine.Tests.Writing;

/// <summary>What was left of a lease under one writer is what the next one begins with.</summary>
public sealed class LeaseCheckpointTests
{
    private readonly MemoryRevisionStore _log = new();

    [Fact]
    public async Task A_new_writer_goes_on_from_what_was_noted_until_the_lease_is_kept_alive()
    {
        await using (var first = await LoneWriter.Start(_log))
        {
            await first.Writer.Leases.LeaseGrant(new LeaseGrantRequest { ID = 1, TTL = 3600 });
            await first.Writer.Leases.LeaseGrant(new LeaseGrantRequest { ID = 17, TTL = 3600 });
            var runs = await first.Writer.Leases.Runs(1);
            await first.Writer.Leases.Checkpoint([.. runs.Select(static run => new LeaseLeft(run, 3000))]);
            await first.Writer.Leases.Checkpoint([new LeaseLeft(runs[0] with { Number = 99 }, 7)]); // an earlier or later run of it
        }

        await using (var second = await LoneWriter.Start(_log))
        {
            Assert.Equal([3000, 3000], (await second.Writer.Leases.Runs(1)).Select(static run => run.Seconds));
            var renewed = await second.Writer.Leases.Renew([1]);
            Assert.Equal((3600, 3600), (renewed.Runs[0].Ttl, renewed.Runs[0].Seconds));
            await second.Writer.Leases.Renew([1]);
        }

        await using var third = await LoneWriter.Start(_log);
        Assert.Equal([(1, 3600), (17, 3000)], (await third.Writer.Leases.Runs(1)).Select(static run => (run.Id, run.Seconds)).Order());
    }
}
