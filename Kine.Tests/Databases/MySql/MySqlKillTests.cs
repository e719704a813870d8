using Kine.Tests.Faults;
using Kine.Tests.Servers;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MySql;

/// <summary>On MySQL.</summary>
[Collection(MySqlCollection.Name)]
public sealed class MySqlKillTests(MySqlFixture fixture, ITestOutputHelper output) : KillContract(output)
{
    protected override int Kills => 9; // MariaDB's run has them all

    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
