using Kine.Tests.Cluster;
using Kine.Tests.Stores.Postgres;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Postgres;

/// <summary>Three processes on one PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresClusterTests(PostgresFixture fixture, ITestOutputHelper output) : ClusterContract(fixture.Server, output);
