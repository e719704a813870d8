using Orleans;

namespace Kine.Tests.Runtime;

/// <summary>Never idle.</summary>
[KeepAlive]
public sealed class LastingProbeGrain(ProbeLog log) : ProbeGrainBase(log), ILastingProbeGrain;
