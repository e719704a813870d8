using Kine.Tests.Stores.MySql;

namespace Kine.Tests.Membership;

/// <summary>The table in a row of MySQL.</summary>
[Collection(MySqlCollection.Name)]
public sealed class MySqlMembershipTableTests(MySqlFixture fixture) : StoreMembershipTableContract(fixture.Server);
