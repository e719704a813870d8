using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;
using Xunit.Abstractions;

namespace Kine.Tests.Differential;

/// <summary>On SQLite, and the comparison itself.</summary>
public sealed class DifferentialTests(ITestOutputHelper output) : DifferentialContract(output)
{
    protected override Task<EtcdApiServer> StartServer() => Candidate.StartNew();

    [Fact]
    public async Task A_difference_of_one_key_is_found()
    {
        await using var reference = await EtcdServer.StartNew();
        await using var candidate = await EtcdServer.StartNew();
        using (var channel = new EtcdChannel(reference.Address))
        {
            await channel.Put("/registry/pods/default/0", "one");
        }

        using (var channel = new EtcdChannel(candidate.Address))
        {
            await channel.Put("/registry/pods/default/0", "two");
        }

        using var run = new DifferentialRun(reference, candidate, 1);
        await Assert.ThrowsAsync<DifferenceException>(() => run.Perform(2_000));
    }
}
