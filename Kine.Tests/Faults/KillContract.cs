using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit;
using Xunit.Abstractions;

namespace Kine.Tests.Faults;

/// <summary>kill -9 under load, again and again: what was acknowledged is there, and nothing else that was not asked for.</summary>
public abstract class KillContract(ITestOutputHelper output)
{
    private static readonly TimeSpan ShortestRun = TimeSpan.FromMilliseconds(150);

    /// <summary>How often the server is killed while it only writes; a third as often while it compacts.</summary>
    protected virtual int Kills => 32;

    /// <summary>A new server on an empty store of the kind that is tested.</summary>
    protected abstract Task<EtcdApiServer> StartServer();

    [Fact]
    public async Task After_many_kills_every_acknowledged_write_is_there_and_the_history_makes_the_same_hash_on_etcd()
    {
        await using var server = await StartServer();
        var load = new WriteLoad(server.Address);
        var history = new List<Event[]>();
        for (var round = 0; round < Kills; round++)
        {
            await KillUnder(server, load, round);
            using var channel = new EtcdChannel(server.Address);
            await Extend(history, channel, 2);
            load.AssertHolds(history, 2);
        }
        using var survivor = new EtcdChannel(server.Address);
        var fingerprint = await History.Fingerprint(survivor);
        await server.Kill();
        await server.Start();
        using var restarted = new EtcdChannel(server.Address);
        Assert.Equal(fingerprint, await History.Fingerprint(restarted));
        await using var etcd = await EtcdServer.StartNew();
        using var replayed = new EtcdChannel(etcd.Address);
        await History.Replay(history, replayed);
        Assert.Equal(await History.Fingerprint(replayed), fingerprint);
        output.WriteLine($"{Kills} kills, {load.Acknowledged.Count} acknowledged writes, {history.Count} revisions");
        Assert.True(load.Acknowledged.Count > Kills * 20, "the load was too small to prove anything");
    }

    [Fact]
    public async Task Kills_during_compactions_and_lease_changes_leave_a_store_that_starts_the_same_twice()
    {
        await using var server = await StartServer();
        var load = new WriteLoad(server.Address);
        long compacted = 0;
        for (var round = 0; round < Kills / 3; round++)
        {
            long? leased = null;
            using (var channel = new EtcdChannel(server.Address))
            {
                await channel.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = 100 + round, TTL = 10_000 });
                leased = (await channel.Put($"/leased/{round}", "v", 100 + round)).Header.Revision;
            }
            using var disturbing = new CancellationTokenSource();
            var disturber = Disturb(server.Address, disturbing.Token);
            await KillUnder(server, load, round);
            await disturbing.CancelAsync();
            compacted = Math.Max(compacted, await disturber);
            using var after = new EtcdChannel(server.Address);
            var ttl = await after.Lease.LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = 100 + round, Keys = true });
            Assert.Equal((10_000, $"/leased/{round}"), (ttl.GrantedTTL, Assert.Single(ttl.Keys).ToStringUtf8()));
            Assert.Equal(leased, (await after.Get($"/leased/{round}"))!.ModRevision);
            var hash = await after.HashKV();
            // A busy machine may have had no time for the first one; then the hash says -1.
            Assert.True(compacted == 0 || hash.CompactRevision >= compacted, $"compacted {hash.CompactRevision}, but {compacted} was acknowledged");
            var events = await History.Read(after, Math.Max(2, hash.CompactRevision + 1), hash.Header.Revision);
            load.AssertHolds(events, Math.Max(2, hash.CompactRevision + 1));
            var fingerprint = await History.Fingerprint(after);
            await server.Kill();
            await server.Start();
            using var again = new EtcdChannel(server.Address);
            Assert.Equal(fingerprint, await History.Fingerprint(again));
        }
        Assert.True(compacted > 0, "no compaction was done");
    }

    private static async Task KillUnder(EtcdApiServer server, WriteLoad load, int round)
    {
        var writers = load.RunUntilTheServerDies();
        await Task.Delay(ShortestRun + TimeSpan.FromMilliseconds(Draw.From(round).Next(400)));
        await server.Kill();
        await writers;
        await server.Start();
    }

    private static async Task Extend(List<Event[]> history, EtcdChannel channel, long first)
    {
        var current = (await channel.HashKV()).Header.Revision;
        Assert.True(current >= first + history.Count - 1, $"revision {current} after a restart, {first + history.Count - 1} before it");
        history.AddRange(await History.Read(channel, first + history.Count, current));
    }

    // Compacts close to the current revision all the time; gives the highest one that was acknowledged.
    private static async Task<long> Disturb(string address, CancellationToken stop)
    {
        using var channel = new EtcdChannel(address);
        long compacted = 0;
        try
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var revision = (await channel.HashKV()).Header.Revision - 5;
                if (revision > compacted)
                {
                    await channel.Compact(revision, physical: i % 2 == 0);
                    compacted = revision;
                }
                var lease = await channel.Lease.LeaseGrantAsync(new LeaseGrantRequest { TTL = 10_000 });
                await channel.Put($"/disturb/{i % 10}", $"{i}", lease.ID);
                if (i % 2 == 0)
                    await channel.Lease.LeaseRevokeAsync(new LeaseRevokeRequest { ID = lease.ID });
            }
        }
        catch (RpcException died) when (died.StatusCode is StatusCode.Unavailable || died.Status.Detail.Contains("compacted", StringComparison.Ordinal))
        {
            // The server was killed, or a compaction whose answer was lost had been done.
        }
        return compacted;
    }
}
