namespace Kine.Tests.Runtime;

/// <summary>The same grain, exempt from collection.</summary>
public interface ILastingProbeGrain : IProbeGrain;
