using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Nats;

/// <summary>One nats-server for all tests of the collection; each takes a stream of its own.</summary>
public sealed class NatsFixture : IAsyncLifetime
{
    public NatsServer Server { get; } = new();

    public Task InitializeAsync() => Server.Start();

    public async Task DisposeAsync() => await Server.DisposeAsync();
}

/// <summary>Tests that share a nats-server.</summary>
[CollectionDefinition(Name)]
public sealed class NatsCollection : ICollectionFixture<NatsFixture>
{
    public const string Name = "NATS";
}
