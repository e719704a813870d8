using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>One MySQL for all tests of the collection; each takes a database of its own.</summary>
public sealed class MySqlFixture : IAsyncLifetime
{
    public MySqlDatabaseServer Server { get; } = new();

    public Task InitializeAsync() => Server.Start();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>Tests that share a MySQL.</summary>
[CollectionDefinition(Name)]
public sealed class MySqlCollection : ICollectionFixture<MySqlFixture>
{
    public const string Name = "MySQL";
}
