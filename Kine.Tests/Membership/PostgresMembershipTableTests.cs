using Kine.Tests.Stores.Postgres;

namespace Kine.Tests.Membership;

/// <summary>The table in a row of PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresMembershipTableTests(PostgresFixture fixture) : StoreMembershipTableContract(fixture.Server);
