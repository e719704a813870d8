using Kine.Backends;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores;

/// <summary>The contract on <c>memory://</c>.</summary>
public sealed class MemoryStoreContract : StoreContract
{
    protected override bool Persists => false;

    protected override IRevisionStore Create() => StoreEndpoint.Parse("memory://").Create();
}
