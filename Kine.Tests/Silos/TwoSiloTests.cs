namespace Kine.Tests.Silos;

/// <summary>The second silo is the only other one.</summary>
public sealed class TwoSiloTests() : SiloContract(2);
