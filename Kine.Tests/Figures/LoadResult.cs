namespace Kine.Tests.Figures;

/// <summary>What one run of h2load measured.</summary>
/// <param name="PerSecond">Requests answered a second.</param>
/// <param name="ServerCpu">Microseconds of server CPU per request.</param>
internal sealed record LoadResult(double PerSecond, double ServerCpu);
