namespace Kine.Host.Bench;

/// <summary>The outcome of a run.</summary>
internal sealed record BenchReport(BenchOptions Options, IReadOnlyList<TargetReport> Targets)
{
    public bool HasErrors => Targets.Any(target => target.Rounds.Any(round => round.ErrorCount > 0 || round.Operations == 0));

    /// <summary>The median over the rounds of A's figure divided by B's; null where there is no B or a figure is missing.</summary>
    public double? MedianRatio(Func<RoundResult, double?> figure)
    {
        double[] ratios = [.. Targets[0].Rounds.Zip(Targets.Skip(1).SelectMany(target => target.Rounds))
            .Select(pair => figure(pair.First) / figure(pair.Second) ?? double.NaN)
            .Where(double.IsFinite)
            .Order()];
        return ratios.Length == 0 ? null : (ratios[(ratios.Length - 1) / 2] + ratios[ratios.Length / 2]) / 2;
    }
}
