using Kine.Tests.Cluster;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>Three processes on one MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbClusterTests(MariaDbFixture fixture, ITestOutputHelper output) : ClusterContract(fixture.Server, output);
