using Kine.Tests.Differential;
using Kine.Tests.Servers;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>On MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbDifferentialTests(MariaDbFixture fixture, ITestOutputHelper output) : DifferentialContract(output)
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
