using Kine.Tests.Cluster;
using Kine.Tests.Differential;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Postgres;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Postgres;

/// <summary>Through a process that does not write, on PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresDifferentialFollowerTests(PostgresFixture fixture, ITestOutputHelper output) : DifferentialContract(output)
{
    protected override Task<EtcdApiServer> StartServer() => FollowingServer.StartOn(fixture.Server.NewEndpoint());

    protected override int Operations => 8_000;
}
