using Kine.Tests.Differential;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Postgres;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Postgres;

/// <summary>On PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresDifferentialTests(PostgresFixture fixture, ITestOutputHelper output) : DifferentialContract(output)
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
