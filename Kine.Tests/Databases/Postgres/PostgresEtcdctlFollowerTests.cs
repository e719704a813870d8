using Kine.Tests.Cluster;
using Kine.Tests.Etcdctl;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Postgres;

namespace Kine.Tests.Databases.Postgres;

/// <summary>Through a process that does not write, on PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresEtcdctlFollowerTests(PostgresFixture fixture) : EtcdctlContract
{
    protected override Task<EtcdApiServer> StartServer() => FollowingServer.StartOn(fixture.Server.NewEndpoint());

    protected override bool Writes => false;
}
