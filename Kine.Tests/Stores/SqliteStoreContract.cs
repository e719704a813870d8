using Kine.Backends;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores;

/// <summary>The contract on a new SQLite file.</summary>
public class SqliteStoreContract : StoreContract
{
    private readonly TempFolder _folder = new();

    /// <summary>Parameters of the endpoint.</summary>
    protected virtual string Parameters => "";

    protected string Path => _folder.File("db/state.db");

    protected override bool Persists => true;

    protected override IRevisionStore Create() => StoreEndpoint.Parse($"sqlite://{Path}{Parameters}").Create();

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
