using Kine.Tests.Kubernetes;
using Kine.Tests.Servers;
using Kine.Tests.Stores.MySql;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>On MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbKubernetesTests(MariaDbFixture fixture) : KubernetesContract
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
