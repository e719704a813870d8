namespace Kine.Host.Bench;

/// <summary>All rounds of one server.</summary>
internal sealed record TargetReport(string Name, string Endpoint)
{
    public List<RoundResult> Rounds { get; } = [];

    /// <summary>All rounds taken together.</summary>
    public RoundResult Sum()
    {
        var sum = new RoundResult();
        foreach (var round in Rounds)
            sum.Add(round);

        return sum;
    }
}
