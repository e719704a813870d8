using Kine.Backends;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores.Postgres;

/// <summary>The contract on a new database of a real PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public class PostgresStoreContract(PostgresFixture fixture) : StoreContract
{
    private readonly string _endpoint = fixture.Server.NewEndpoint();

    protected override bool Persists => true;

    protected override IRevisionStore Create() => StoreEndpoint.Parse(_endpoint).Create();
}
