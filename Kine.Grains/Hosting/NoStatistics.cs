using Orleans.Statistics;

namespace Kine.Grains.Hosting;

/// <summary>
/// In place of Orleans' own look at processor and memory, which wakes the process every second and formats all of the runtime's counters. Grains are placed
/// without it, and no load is shed.
/// </summary>
internal sealed class NoStatistics : IEnvironmentStatisticsProvider
{
    public EnvironmentStatistics GetEnvironmentStatistics() => default;
}
