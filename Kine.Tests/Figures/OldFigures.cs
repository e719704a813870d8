using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>This build beside an old one in turns, both driven by the old one's bench: what an operation may cost now.</summary>
internal static class OldFigures
{
    private const int ValueSize = 256;
    private const int Kills = 3;
    private const double WriteLimit = 1.25; // of the old build's server CPU per operation
    private const double AloneLimit = 1.1; // of its median latency
    private const double CreateLimit = 0.9; // of its creates a second
    private const double RestartLimit = 1.2; // of its time to the first answer

    private static readonly (string Mode, double Limit, string[] Arguments)[] CpuLimits =
    [
        ("get", 1.15, []), ("list", 1.05, []), ("put", WriteLimit, []), ("create", WriteLimit, []), ("update", WriteLimit, []),
        ("watch", 1.1, ["--rate", "1000"]),
    ];

    /// <summary>What an operation costs the server, on SQLite.</summary>
    public static Task Cpu(FigureSheet sheet) => Beside(sheet, async (bench, server, old) =>
    {
        foreach (var (mode, limit, arguments) in CpuLimits)
        {
            var ratios = await bench.Compare(mode, server, old, arguments);
            var name = mode == "watch" ? "watch fan-out to 64 watchers" : $"{mode}, 64 clients";
            sheet.Add(new Figure($"{name}: server CPU per op / old build", ratios.ServerCpu, limit, "x", Note: $"speed {ratios.Speed:0.00} x"));
        }
    });

    /// <summary>What one client waits for a put, on SQLite.</summary>
    public static Task Alone(FigureSheet sheet) => Beside(sheet, async (bench, server, old) =>
    {
        var alone = await bench.Compare("put", server, old, "--clients", "1", "--connections", "1");
        sheet.Add(new Figure("put, one client alone: p50 / old build", alone.Median, AloneLimit, "x", Note: $"server CPU {alone.ServerCpu:0.00} x"));
    });

    /// <summary>On each database that was named.</summary>
    public static async Task Stores(FigureSheet sheet)
    {
        var old = Old(sheet);
        var bench = new OldBench(sheet, old);
        foreach (var store in sheet.Options.Stores)
        {
            var endpoint = store.NewEndpoint();
            var oldEndpoint = store.NewEndpoint();
            await using (var server = await ServerUnderTest.StartKineOn(sheet.Options.KinePath, endpoint))
            await using (var oldServer = await ServerUnderTest.StartKineOn(old, oldEndpoint))
            {
                var creates = await bench.Compare("create", server, oldServer);
                sheet.Add(new Figure(
                    $"{store.Name}: creates a second, 64 clients / old build", creates.Speed, CreateLimit, "x", AtLeast: true, Note: $"server CPU {creates.ServerCpu:0.00} x"));
                await bench.Load(server, sheet.Options.Keys, ValueSize);
                await bench.Load(oldServer, sheet.Options.Keys, ValueSize);
                await server.KillHard();
                await oldServer.KillHard();
            }

            var times = new List<double>();
            var oldTimes = new List<double>();
            for (var kill = 0; kill < Kills; kill++)
            {
                times.Add(await AnswerAfterKill(sheet.Options.KinePath, endpoint));
                oldTimes.Add(await AnswerAfterKill(old, oldEndpoint));
            }

            var (now, before) = (FigureUnits.Median(times), FigureUnits.Median(oldTimes));
            sheet.Add(new Figure(
                $"{store.Name}, {sheet.Options.Keys:N0} keys: answer after kill -9 / old build", now / before, RestartLimit, "x",
                Note: $"{now:0.0} and {before:0.0} s, medians of {Kills}"));
        }
    }

    private static async Task Beside(FigureSheet sheet, Func<OldBench, ServerUnderTest, ServerUnderTest, Task> measure)
    {
        var old = Old(sheet);
        using var folder = new TempFolder();
        using var oldFolder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(sheet.Options.KinePath, folder);
        await using var oldServer = await ServerUnderTest.StartKine(old, oldFolder);
        await measure(new OldBench(sheet, old), server, oldServer);
    }

    private static string Old(FigureSheet sheet) => sheet.Options.OldPath ?? throw new BenchException("the comparison needs an old build: give the path of its kine with --old");

    private static async Task<double> AnswerAfterKill(string program, string endpoint)
    {
        await using var server = await ServerUnderTest.StartKineOn(program, endpoint);
        await server.KillHard();
        return server.ReadyAfter.TotalSeconds;
    }
}
