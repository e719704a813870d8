using Orleans.Runtime;

namespace Orleans;

/// <summary>
/// Marks the interface of an object that is no grain but receives calls from grains, once
/// <see cref="IGrainFactory.CreateObjectReference"/> has given it an address. Its methods return Task or nothing; in the latter case nobody learns of the outcome.
/// </summary>
public interface IGrainObserver : IAddressable;
