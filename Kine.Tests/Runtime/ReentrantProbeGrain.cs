using Orleans.Concurrency;

namespace Kine.Tests.Runtime;

/// <summary>Calls interleave at awaits.</summary>
[Reentrant]
public sealed class ReentrantProbeGrain(ProbeLog log) : ProbeGrainBase(log), IReentrantProbeGrain;
