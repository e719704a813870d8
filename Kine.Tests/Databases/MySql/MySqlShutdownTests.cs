using Kine.Tests.Faults;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MySql;

/// <summary>On MySQL.</summary>
[Collection(MySqlCollection.Name)]
public sealed class MySqlShutdownTests(MySqlFixture fixture, ITestOutputHelper output) : ShutdownContract(fixture.Server, output);
