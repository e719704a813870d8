using Kine.Tests.Faults;
using Kine.Tests.Stores.Postgres;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.Postgres;

/// <summary>Between kine and PostgreSQL.</summary>
[Collection(PostgresCollection.Name)]
public sealed class PostgresFaultTests(PostgresFixture fixture, ITestOutputHelper output) : DatabaseFaultContract(fixture.Server, output);
