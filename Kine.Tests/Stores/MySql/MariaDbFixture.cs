using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>One MariaDB for all tests of the collection; each takes a database of its own.</summary>
public sealed class MariaDbFixture : IAsyncLifetime
{
    public MariaDbServer Server { get; } = new();

    public Task InitializeAsync() => Server.Start();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>Tests that share a MariaDB.</summary>
[CollectionDefinition(Name)]
public sealed class MariaDbCollection : ICollectionFixture<MariaDbFixture>
{
    public const string Name = "MariaDB";
}
