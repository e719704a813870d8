using Kine.Tests.Etcdctl;
using Kine.Tests.Servers;
using Kine.Tests.Stores.Postgres;

namespace Kine.Tests.Databases.Postgres;

/// <summary>On PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresEtcdctlTests(PostgresFixture fixture) : EtcdctlContract
{
    protected override Task<EtcdApiServer> StartServer() => KineServer.StartOn(fixture.Server.NewEndpoint());
}
