using Kine.Tests.Differential;
using Kine.Tests.Servers;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MySql;

/// <summary>On MySQL.</summary>
[Collection(MySqlCollection.Name)]
public sealed class MySqlDifferentialTests(MySqlFixture fixture, ITestOutputHelper output) : DifferentialContract(output)
{
    protected override int Operations => 8_000; // MariaDB's run has them all

    protected override int Restarts => 1;

    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
