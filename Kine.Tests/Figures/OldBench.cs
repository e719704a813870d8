using System.Globalization;
using System.Text.Json;
using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>
/// Runs the old build's <c>kine bench</c> against the new server and the old one in turns: one driver, the same for both, that does not change
/// with what is measured.
/// </summary>
internal sealed class OldBench(FigureSheet sheet, string program)
{
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(10); // loading goes before the rounds

    /// <summary>Measures a mode; gives the medians over the rounds of new / old.</summary>
    /// <exception cref="BenchException">The run failed or had errors.</exception>
    public async Task<OldRatios> Compare(string mode, ServerUnderTest now, ServerUnderTest old, params string[] more)
    {
        var rounds = sheet.Options.Rounds;
        string[] arguments =
        [
            mode, "--endpoint", now.Endpoint, "--pid", Text(now.Pid), "--compare", old.Endpoint, "--compare-pid", Text(old.Pid), "--rounds", Text(rounds),
            "--duration", Seconds(sheet.Options.RoundTime), "--warmup", "3s", "--seed", "1", .. more,
        ];
        var ratios = (await Run(arguments, sheet.Options.RoundTime * rounds * 2)).GetProperty("ratios");
        double Ratio(string name) => ratios.GetProperty(name).GetDouble();
        var result = new OldRatios(Ratio("serverCpuPerOperation"), Ratio("opsPerSecond"), Ratio("p50"));
        sheet.Say($"{string.Join(' ', [mode, .. more])}: new / old: server CPU {result.ServerCpu:0.00}, speed {result.Speed:0.00}, p50 {result.Median:0.00}");
        return result;
    }

    /// <summary>Writes that many keys once.</summary>
    /// <exception cref="BenchException">Some were not written.</exception>
    public Task Load(ServerUnderTest server, int keys, int valueSize) => Run(
        ["put", "--endpoint", server.Endpoint, "--in-turn", "--keys", Text(keys), "--total", Text(keys), "--value-size", Text(valueSize), "--warmup", "0"], TimeSpan.FromHours(1));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture) + "s";

    private async Task<JsonElement> Run(string[] arguments, TimeSpan measured)
    {
        var run = await Command.Run(program, ["bench", .. arguments, "--json"], within: measured + Grace);
        if (run.ExitCode != 0)
            throw new BenchException($"the old build's bench {string.Join(' ', arguments)} ended with code {run.ExitCode}:\n{run.Output}{run.Errors}");

        return JsonDocument.Parse(run.Output).RootElement;
    }
}
