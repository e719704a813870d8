using Kine.Tests.Stores.MySql;

namespace Kine.Tests.Import;

/// <summary>Out of MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbUpstreamImport(MariaDbFixture fixture) : MySqlLikeUpstreamImport(fixture.Server);
