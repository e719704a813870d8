using Kine.Tests.Etcdctl;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Nats;

namespace Kine.Tests.Databases.Nats;

/// <summary>On NATS JetStream.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsEtcdctlTests(NatsFixture fixture) : EtcdctlContract
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
