using System.Net;
using System.Security.Cryptography.X509Certificates;
using Kine.Backends.Memory;
using Kine.Grains.Hosting;
using Kine.Tests.Servers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Orleans.Runtime;

namespace Kine.Tests.Cluster;

/// <summary>Who is taken out of the table before a silo joins, and who is let in by it.</summary>
public sealed class SilentSilosTests
{
    private static readonly IPEndPoint Own = new(IPAddress.Parse("10.0.0.1"), 2380);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly FakeTimeProvider _time = new();
    private readonly DocumentMembershipTable _table = new(new MemorySharedDocument());

    [Fact]
    public async Task One_that_signs_stays_and_one_that_does_not_is_dead_after_three_times_as_long()
    {
        var living = await Join(2);
        var silent = await Join(3);
        var removing = new SilentSilos(_table, Own, _time, NullLogger<SilentSilos>.Instance).Remove(default);
        var start = _time.GetUtcNow();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (!removing.IsCompleted)
        {
            Assert.True(clock.Elapsed < Patience);
            living.IAmAliveTime = living.IAmAliveTime.AddSeconds(1);
            await _table.UpdateIAmAliveAsync(living, default);
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        await removing;
        Assert.True(_time.GetUtcNow() - start > SilentSilos.SignOfLife * 3);
        Assert.Equal([SiloStatus.Active, SiloStatus.Dead], await Statuses(living, silent));
    }

    [Fact]
    public async Task One_that_was_at_the_own_address_is_waited_for_by_nobody()
    {
        await Join(1, host: PeerName.OwnHost);
        await new SilentSilos(_table, Own, _time, NullLogger<SilentSilos>.Instance).Remove(default);
    }

    [Fact]
    public async Task One_on_this_host_whose_port_is_closed_is_dead_at_once()
    {
        var ended = await Join(5, host: PeerName.OwnHost, at: new IPEndPoint(IPAddress.Loopback, FreePort.Next()));
        await new SilentSilos(_table, new IPEndPoint(IPAddress.Loopback, FreePort.Next()), _time, NullLogger<SilentSilos>.Instance).Remove(default).WaitAsync(Patience);
        Assert.Equal([SiloStatus.Dead], await Statuses(ended));
    }

    [Fact]
    public async Task One_on_another_host_that_lives_at_the_own_address_is_told_of()
    {
        var other = await Join(1, host: "elsewhere");
        var removing = new SilentSilos(_table, Own, _time, NullLogger<SilentSilos>.Instance).Remove(default);
        other.IAmAliveTime = other.IAmAliveTime.AddSeconds(1);
        await _table.UpdateIAmAliveAsync(other, default);
        while (!removing.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        var error = await Assert.ThrowsAsync<StartException>(() => removing);
        Assert.Contains("elsewhere", error.Message);
        Assert.Contains("--peer-advertise-address", error.Message);
    }

    [Fact]
    public async Task A_certificate_is_known_as_soon_as_its_silo_is_in_the_table_and_until_it_is_dead()
    {
        using var identity = new PeerIdentity();
        var trust = new PeerTrust(_table, _time, NullLogger<PeerTrust>.Instance);
        Assert.False(await Asked(trust.Knows(identity.Certificate, null, default)));
        var silo = await Join(2, identity.Certificate);
        var asking = trust.Knows(identity.Certificate, null, default);
        Assert.False(asking.IsCompleted); // strangers cost the store a read a second at most
        Assert.True(await Asked(asking));
        Assert.True(await trust.Knows(identity.Certificate, silo.SiloAddress.Endpoint, default));

        using var other = new PeerIdentity();
        var elsewhere = new PeerTrust(_table, _time, NullLogger<PeerTrust>.Instance);
        Assert.False(await Asked(elsewhere.Knows(other.Certificate, null, default)));
        Assert.False(await Asked(elsewhere.Knows(identity.Certificate, Own, default))); // it is another one's
        Assert.False(await elsewhere.Knows(null, null, default));

        silo.Status = SiloStatus.Dead;
        var all = await _table.ReadAllAsync(default);
        Assert.True(await _table.UpdateRowAsync(silo, all.TryGet(silo.SiloAddress)!.Item2, all.Version.Next(), default));
        Assert.False(await Asked(new PeerTrust(_table, _time, NullLogger<PeerTrust>.Instance).Knows(identity.Certificate, null, default)));
    }

    private async Task<bool> Asked(Task<bool> asking)
    {
        while (!asking.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        return await asking;
    }

    [Fact]
    public void The_name_of_a_silo_says_what_others_have_to_know()
    {
        var name = new PeerName("a-host", "print", ["http://a:1", "https://b:2"]);
        var read = PeerName.Parse(name.ToString())!;
        Assert.Equal(("a-host", "print", "http://a:1,https://b:2"), (read.Host, read.Fingerprint, string.Join(',', read.ClientUrls)));
        Assert.Null(PeerName.Parse("Silo_12345"));
        Assert.Null(PeerName.Parse(null));
    }

    private async Task<MembershipEntry> Join(int address, X509Certificate2? shows = null, string host = "host", IPEndPoint? at = null)
    {
        var silo = new MembershipEntry
        {
            SiloAddress = SiloAddress.New(at ?? new IPEndPoint(IPAddress.Parse($"10.0.0.{address}"), 2380), address),
            SiloName = new PeerName(host, shows is null ? "-" : PeerName.FingerprintOf(shows), ["http://10.0.0.1:2379"]).ToString(),
            HostName = host,
            Status = SiloStatus.Active,
            StartTime = DateTime.UnixEpoch,
            IAmAliveTime = DateTime.UnixEpoch,
        };
        await _table.InitializeMembershipTableAsync(true, default);
        Assert.True(await _table.InsertRowAsync(silo, (await _table.ReadAllAsync(default)).Version.Next(), default));
        return silo;
    }

    private async Task<SiloStatus[]> Statuses(params MembershipEntry[] silos)
    {
        var all = await _table.ReadAllAsync(default);
        return [.. silos.Select(silo => all.TryGet(silo.SiloAddress)!.Item1.Status)];
    }
}
