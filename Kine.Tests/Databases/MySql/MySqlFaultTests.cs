using Kine.Tests.Faults;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MySql;

/// <summary>Between kine and MySQL.</summary>
[Collection(MySqlCollection.Name)]
public sealed class MySqlFaultTests(MySqlFixture fixture, ITestOutputHelper output) : DatabaseFaultContract(fixture.Server, output);
