using Kine.Tests.Faults;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Nats;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Nats;

/// <summary>On NATS JetStream.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsKillTests(NatsFixture fixture, ITestOutputHelper output) : KillContract(output)
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
