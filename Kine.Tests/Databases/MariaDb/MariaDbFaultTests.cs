using Kine.Tests.Faults;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>Between kine and MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbFaultTests(MariaDbFixture fixture, ITestOutputHelper output) : DatabaseFaultContract(fixture.Server, output);
