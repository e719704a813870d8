using Kine.Grains.Fencing;

namespace Kine.Tests.Chaos;

/// <summary>Planted: no time passes for the proof of being the writer, so that it never runs out.</summary>
internal sealed class StoppedClock : ProofClock
{
    public override ProofTime Now { get; } = new(1, 1);
}
