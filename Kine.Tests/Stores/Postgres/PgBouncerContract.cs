using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Postgres;

/// <summary>The contract through PgBouncer in transaction mode, where every transaction may get another session.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PgBouncerContract(PostgresFixture fixture) : StoreContract
{
    private const int ServerConnections = 3;
    private readonly string _database = $"bouncer_{Guid.NewGuid():n}";
    private PgBouncer _bouncer = null!;

    protected override bool Persists => true;

    protected override IRevisionStore Create() => StoreEndpoint.Parse(fixture.Server.Endpoint(_database, _bouncer.Port)).Create();

    public override async Task InitializeAsync()
    {
        _bouncer = await PgBouncer.StartNew(fixture.Server, ServerConnections);
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _bouncer.DisposeAsync();
    }
}
