using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Postgres;

/// <summary>The one server that the tests of this collection share, each with a database of its own.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    public PostgresServer Server { get; } = new();

    public Task InitializeAsync() => Server.Start();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}
