using Kine.Tests.Servers;
using Kine.Tests.Stores.Postgres;

namespace Kine.Tests.Membership;

/// <summary>The same through PgBouncer in transaction mode.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PgBouncerMembershipTableTests(PostgresFixture fixture) : StoreMembershipTableContract(fixture.Server)
{
    private readonly string _database = $"bouncer_{Guid.NewGuid():n}";
    private PgBouncer _bouncer = null!;

    protected override string Endpoint => fixture.Server.Endpoint(_database, _bouncer.Port);

    public override async Task InitializeAsync()
    {
        _bouncer = await PgBouncer.StartNew(fixture.Server, poolSize: 3);
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await _bouncer.DisposeAsync();
    }
}
