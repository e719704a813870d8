using Kine.Tests.Stores.Postgres;

namespace Kine.Tests.Migrate;

/// <summary>Into PostgreSQL and out again.</summary>
[Collection(PostgresCollection.Name)]
public sealed class MigrateToPostgres(PostgresFixture fixture) : MigrateToDatabaseContract
{
    protected override string Endpoint { get; } = fixture.Server.NewEndpoint();
}
