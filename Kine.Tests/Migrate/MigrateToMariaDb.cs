using Kine.Tests.Stores.MySql;

namespace Kine.Tests.Migrate;

/// <summary>Into MariaDB and out again.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MigrateToMariaDb(MariaDbFixture fixture) : MigrateToDatabaseContract
{
    protected override string Endpoint { get; } = fixture.Server.NewEndpoint();
}
