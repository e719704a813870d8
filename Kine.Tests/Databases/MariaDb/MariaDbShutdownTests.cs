using Kine.Tests.Faults;
using Kine.Tests.Stores.MySql;
using Xunit.Abstractions;

namespace Kine.Tests.Databases.MariaDb;

/// <summary>On MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbShutdownTests(MariaDbFixture fixture, ITestOutputHelper output) : ShutdownContract(fixture.Server, output);
