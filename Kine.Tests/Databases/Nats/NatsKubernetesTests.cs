using Kine.Tests.Kubernetes;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Nats;

namespace Kine.Tests.Databases.Nats;

/// <summary>On NATS JetStream.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsKubernetesTests(NatsFixture fixture) : KubernetesContract
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
