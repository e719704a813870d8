namespace Kine.Grains.Fencing;

/// <summary>A moment on both clocks of a <see cref="ProofClock"/>.</summary>
/// <param name="Boot">Since boot, in ticks of 100 ns.</param>
/// <param name="Wall">Coordinated universal time, in ticks of 100 ns.</param>
public readonly record struct ProofTime(long Boot, long Wall)
{
    /// <summary>What has passed since <paramref name="earlier"/>: the larger advance of the two clocks, or for ever when one of them was set back.</summary>
    public TimeSpan Since(ProofTime earlier)
    {
        var boot = Boot - earlier.Boot;
        var wall = Wall - earlier.Wall;
        return boot < 0 || wall < 0 ? TimeSpan.MaxValue : new TimeSpan(Math.Max(boot, wall));
    }
}
