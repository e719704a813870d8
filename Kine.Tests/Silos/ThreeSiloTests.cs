namespace Kine.Tests.Silos;

/// <summary>A third silo holds grains that neither the writer's nor the client's silo has.</summary>
public sealed class ThreeSiloTests() : SiloContract(3);
