using Kine.Tests.Stores.MySql;

namespace Kine.Tests.Import;

/// <summary>Out of MySQL.</summary>
[Collection(MySqlCollection.Name)]
public sealed class MySqlUpstreamImport(MySqlFixture fixture) : MySqlLikeUpstreamImport(fixture.Server);
