using Kine.Tests.Stores.MySql;

namespace Kine.Tests.Membership;

/// <summary>The table in a row of MariaDB.</summary>
[Collection(MariaDbCollection.Name)]
public sealed class MariaDbMembershipTableTests(MariaDbFixture fixture) : StoreMembershipTableContract(fixture.Server);
