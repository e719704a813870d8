using Kine.Tests.Cluster;
using Kine.Tests.Stores.Nats;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Nats;

/// <summary>Three processes on one NATS server.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsClusterTests(NatsFixture fixture, ITestOutputHelper output) : ClusterContract(fixture.Server, output);
