using Kine.Tests.Chaos;
using Kine.Tests.Stores.Postgres;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Postgres;

/// <summary>Three processes on one PostgreSQL, in trouble.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresChaosTests(PostgresFixture fixture, ITestOutputHelper output) : ChaosContract(fixture.Server, output)
{
    protected override int Seed => 1;
}
