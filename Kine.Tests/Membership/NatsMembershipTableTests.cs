using Kine.Tests.Stores.Nats;

namespace Kine.Tests.Membership;

/// <summary>The table in a key-value bucket of NATS.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsMembershipTableTests(NatsFixture fixture) : StoreMembershipTableContract(fixture.Server);
