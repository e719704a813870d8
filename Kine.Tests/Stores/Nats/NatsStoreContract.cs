using Kine.Backends;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores.Nats;

/// <summary>The contract on a new stream of a nats-server.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsStoreContract(NatsFixture fixture) : StoreContract
{
    private readonly string _endpoint = fixture.Server.NewEndpoint();

    protected override bool Persists => true;

    protected override IRevisionStore Create() => StoreEndpoint.Parse(_endpoint).Create();
}
