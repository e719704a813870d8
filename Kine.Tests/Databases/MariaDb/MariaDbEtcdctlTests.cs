using Kine.Tests.Etcdctl;
using Kine.Tests.Servers;
using Kine.Tests.Stores.MySql;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>On MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbEtcdctlTests(MariaDbFixture fixture) : EtcdctlContract
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
