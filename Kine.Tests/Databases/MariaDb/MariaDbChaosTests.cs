using Kine.Tests.Chaos;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>Three processes on one MariaDB, in trouble.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbChaosTests(MariaDbFixture fixture, ITestOutputHelper output) : ChaosContract(fixture.Server, output)
{
    protected override int Seed => 21;
}
