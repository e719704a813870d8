namespace Orleans.Runtime;

/// <summary>What can be called through the grain runtime: grains, references to them, observers.</summary>
public interface IAddressable;
