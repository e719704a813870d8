using Kine.Tests.Stores.Nats;

namespace Kine.Tests.Migrate;

/// <summary>Into NATS and out again.</summary>
[Collection(NatsCollection.Name)]
public sealed class MigrateToNats(NatsFixture fixture) : MigrateToDatabaseContract
{
    protected override string Endpoint { get; } = fixture.Server.NewEndpoint();
}
