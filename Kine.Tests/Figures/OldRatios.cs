namespace Kine.Tests.Figures;

/// <summary>The new build's figures divided by the old one's.</summary>
internal sealed record OldRatios(double ServerCpu, double Speed, double Median);
