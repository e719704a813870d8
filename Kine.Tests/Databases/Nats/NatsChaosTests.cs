using Kine.Tests.Chaos;
using Kine.Tests.Stores.Nats;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Nats;

/// <summary>Three processes on one NATS, in trouble.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsChaosTests(NatsFixture fixture, ITestOutputHelper output) : ChaosContract(fixture.Server, output)
{
    protected override int Seed => 41;
}
