namespace Kine.Tests.Stores.MySql;

/// <summary>Between the store and a MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbFaultTests(MariaDbFixture fixture) : MySqlFaultContract(fixture.Server);
