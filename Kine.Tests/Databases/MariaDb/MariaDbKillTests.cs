using Kine.Tests.Faults;
using Kine.Tests.Servers;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>On MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbKillTests(MariaDbFixture fixture, ITestOutputHelper output) : KillContract(output)
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
