using Kine.Tests.Faults;
using Kine.Tests.Stores.Nats;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Nats;

/// <summary>On NATS.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsShutdownTests(NatsFixture fixture, ITestOutputHelper output) : ShutdownContract(fixture.Server, output);
