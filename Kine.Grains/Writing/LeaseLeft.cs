namespace Kine.Grains.Writing;

/// <summary>What is left of a run.</summary>
/// <param name="Run">The run.</param>
/// <param name="Seconds">Whole seconds, at least one.</param>
[GenerateSerializer, Immutable]
public sealed record LeaseLeft(LeaseRun Run, long Seconds);
