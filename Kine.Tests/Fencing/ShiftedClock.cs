using Kine.Grains.Fencing;

namespace Kine.Tests.Fencing;

/// <summary>The machine's clock with jumps, as after a suspend or a change of the wall clock.</summary>
internal sealed class ShiftedClock : ProofClock
{
    public TimeSpan Boot { get; set; }

    public TimeSpan Wall { get; set; }

    public override ProofTime Now => base.Now is var now ? new ProofTime(now.Boot + Boot.Ticks, now.Wall + Wall.Ticks) : default;
}
