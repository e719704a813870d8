namespace Kine.Grains.Hosting;

/// <summary>What the program tells its user about the store behind it.</summary>
public interface IStoreStatus
{
    /// <summary>The store in a few words, without credentials, for example <c>sqlite ./db/state.db</c>.</summary>
    string StoreDescription { get; }

    /// <summary>The address that the present writer gave, while another process holds the store and this one stands by; else null.</summary>
    string? StandsByFor { get; }
}
