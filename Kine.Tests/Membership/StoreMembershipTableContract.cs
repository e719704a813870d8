using Kine.Backends;
using Kine.Backends.Stores;
using Kine.Grains.Hosting;
using Kine.Tests.Servers;

namespace Kine.Tests.Membership;

/// <summary>The table in a document of a store, each process with a connection of its own.</summary>
public abstract class StoreMembershipTableContract(DatabaseServer database) : MembershipTableContract
{
    private readonly List<IRevisionStore> _stores = [];

    /// <summary>The store that all use.</summary>
    protected virtual string Endpoint { get; } = database.NewEndpoint();

    protected override Task<IMembershipTable> NewTable() => SameTableElsewhere();

    protected override async Task<IMembershipTable> SameTableElsewhere()
    {
        var store = StoreEndpoint.Parse(Endpoint).Create();
        lock (_stores)
        {
            _stores.Add(store);
        }

        await store.Open(default);
        return new DocumentMembershipTable(store.Membership!);
    }

    public override async Task DisposeAsync()
    {
        foreach (var store in _stores)
            await store.DisposeAsync();
    }
}
