using Kine.Host.Bench;
using Kine.Host.Cli;

namespace Kine.Tests.Figures;

/// <summary>Collects the figures, prints each as soon as it is known, and makes runs for them.</summary>
internal sealed class FigureSheet(FiguresOptions options, TextWriter output, CancellationToken stopped)
{
    private readonly List<Figure> _figures = [];
    private readonly List<string> _broken = [];

    public FiguresOptions Options => options;

    public CancellationToken Stopped => stopped;

    public bool AllPassed => _broken.Count == 0 && _figures.TrueForAll(figure => figure.Passed);

    public void Add(Figure figure)
    {
        _figures.Add(figure);
        output.WriteLine(figure);
    }

    /// <summary>Notes that a section could not be measured to its end.</summary>
    public void AddBroken(string section, string reason)
    {
        _broken.Add($"FAIL  {section}: {reason}");
        output.WriteLine(_broken[^1]);
    }

    public void Say(string line) => output.WriteLine("      " + line);

    /// <summary>Prints all figures once more, together.</summary>
    public void PrintSummary()
    {
        output.WriteLine();
        output.WriteLine($"{_figures.Count} figures, {_figures.Count(figure => !figure.Passed)} failed, {_broken.Count} sections broken off");
        foreach (var figure in _figures)
            output.WriteLine(figure);

        foreach (var line in _broken)
            output.WriteLine(line);
    }

    /// <summary>A bench run that prints nothing.</summary>
    public static BenchRunner Runner(BenchOptions run) => new(run, new StageProgress(TextWriter.Null, null, Timeout.InfiniteTimeSpan), TextWriter.Null);

    /// <summary>Makes a bench run and prints its rows.</summary>
    /// <exception cref="BenchException">Calls failed: a figure of a run with errors would mean nothing.</exception>
    public async Task<BenchReport> Run(BenchOptions run)
    {
        Say(BenchText.Describe(run));
        var report = await Runner(run).Run(stopped);
        stopped.ThrowIfCancellationRequested();
        output.WriteLine(BenchText.Heading);
        foreach (var row in report.Targets.SelectMany(target => BenchText.Rows(target.Name, target.Sum())))
            output.WriteLine(row);

        if (BenchText.Ratios(report) is { } ratios)
            output.WriteLine(ratios);

        if (report.HasErrors)
            throw new BenchException($"the run against {run.Endpoint} had errors");

        return report;
    }

    /// <summary>Makes a bench run against one server and gives all rounds together.</summary>
    /// <exception cref="BenchException">Calls failed.</exception>
    public async Task<RoundResult> RunOne(BenchOptions run) => (await Run(run)).Targets[0].Sum();
}
