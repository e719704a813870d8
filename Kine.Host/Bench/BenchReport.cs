namespace Kine.Host.Bench;

/// <summary>The outcome of a run.</summary>
internal sealed record BenchReport(BenchOptions Options, IReadOnlyList<TargetReport> Targets)
{
    public bool HasErrors => Targets.Any(target => target.Rounds.Any(round => round.ErrorCount > 0 || round.Operations == 0));

    /// <summary>The median over the rounds of A's figure divided by B's; null where there is no B or a figure is missing.</summary>
    public double? MedianRatio(Func<RoundResult, double?> figure)
    {
        if (Targets.Count < 2)
        {
            return null;
        }

        var ratios = new List<double>();
        foreach (var (a, b) in Targets[0].Rounds.Zip(Targets[1].Rounds))
        {
            if (figure(a) is { } numerator && figure(b) is > 0 and { } denominator)
            {
                ratios.Add(numerator / denominator);
            }
        }

        if (ratios.Count == 0)
        {
            return null;
        }

        ratios.Sort();
        var middle = ratios.Count / 2;
        return ratios.Count % 2 == 1 ? ratios[middle] : (ratios[middle - 1] + ratios[middle]) / 2;
    }
}
