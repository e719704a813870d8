namespace Kine.Host.Bench;

/// <summary>The work of one round.</summary>
/// <param name="limits">Makes the limits for a rate and a number of callers; the time starts to count there.</param>
/// <param name="result">Takes latencies and errors as they come.</param>
internal delegate Task RoundBody(Func<double, int, RoundLimits> limits, RoundResult result);
