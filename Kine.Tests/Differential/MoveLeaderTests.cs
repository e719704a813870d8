using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Servers;

namespace Kine.Tests.Differential;

/// <summary>A server alone is asked to let another one lead.</summary>
public sealed class MoveLeaderTests
{
    [Fact]
    public async Task It_stays_the_leader_and_knows_no_other_as_etcd()
    {
        await using var kine = await KineServer.StartNew();
        await using var etcd = await EtcdServer.StartNew();
        Assert.Equal(await Ask(etcd.Address), await Ask(kine.Address));
    }

    private static async Task<string> Ask(string address)
    {
        using var channel = new EtcdChannel(address);
        var own = (await channel.Maintenance.StatusAsync(new StatusRequest())).Leader;
        var reply = await channel.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = own });
        var error = await Assert.ThrowsAsync<RpcException>(async () => await channel.Maintenance.MoveLeaderAsync(new MoveLeaderRequest { TargetID = own + 1 }));
        return $"{reply} {error.StatusCode} {error.Status.Detail}";
    }
}
