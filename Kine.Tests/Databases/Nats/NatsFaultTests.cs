using Kine.Tests.Faults;
using Kine.Tests.Stores.Nats;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Nats;

/// <summary>Between kine and NATS JetStream.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsFaultTests(NatsFixture fixture, ITestOutputHelper output) : DatabaseFaultContract(fixture.Server, output);
