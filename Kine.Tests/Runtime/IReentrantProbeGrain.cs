namespace Kine.Tests.Runtime;

/// <summary>The same grain, reentrant.</summary>
public interface IReentrantProbeGrain : IProbeGrain;
