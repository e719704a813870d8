namespace Kine.Tests.Runtime;

/// <summary>One call at a time.</summary>
public sealed class ProbeGrain(ProbeLog log) : ProbeGrainBase(log);
