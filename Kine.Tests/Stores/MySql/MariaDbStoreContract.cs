using Kine.Backends;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores.MySql;

/// <summary>The contract on a new database of a MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbStoreContract(MariaDbFixture fixture) : StoreContract
{
    private readonly string _endpoint = fixture.Server.NewEndpoint();

    protected override bool Persists => true;

    protected override IRevisionStore Create() => StoreEndpoint.Parse(_endpoint).Create();
}
