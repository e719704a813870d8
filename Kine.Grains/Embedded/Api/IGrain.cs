using Orleans.Runtime;

namespace Orleans;

/// <summary>Marks the interface of a grain. Its methods return Task or Task&lt;T&gt;.</summary>
public interface IGrain : IAddressable;
