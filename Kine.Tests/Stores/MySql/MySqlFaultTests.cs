namespace Kine.Tests.Stores.MySql;

/// <summary>Between the store and a MySQL.</summary>
[Collection(MySqlCollection.Name)]
public sealed class MySqlFaultTests(MySqlFixture fixture) : MySqlFaultContract(fixture.Server);
