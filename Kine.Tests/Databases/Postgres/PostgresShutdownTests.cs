using Kine.Tests.Faults;
using Kine.Tests.Stores.Postgres;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Postgres;

/// <summary>On PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresShutdownTests(PostgresFixture fixture, ITestOutputHelper output) : ShutdownContract(fixture.Server, output);
