using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>An empty store: how fast it is ready, and what it takes while nobody asks for anything. Beside the old build, if one was named.</summary>
internal static class StartFigures
{
    private const int Starts = 3;
    private const double ReadyLimit = 1.5; // s
    private const double StopTimeLimit = 5; // s
    private const double IdleMemoryLimit = 115; // MB
    private const double IdleCpuLimit = 0.6; // %
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);

    /// <summary>The slowest of three starts, each on a store that does not exist yet.</summary>
    public static async Task Ready(FigureSheet sheet)
    {
        // The first start of all warms up this tool, whose own first call would count.
        await Start(sheet.Options.KinePath);
        var ready = TimeSpan.Zero;
        var stop = TimeSpan.Zero;
        var oldReady = TimeSpan.Zero;
        for (var start = 0; start < Starts; start++)
        {
            var times = await Start(sheet.Options.KinePath);
            ready = Max(ready, times.Ready);
            stop = Max(stop, times.Stop);
            if (sheet.Options.OldPath is { } old)
                oldReady = Max(oldReady, (await Start(old)).Ready);
        }

        var note = $"slowest of {Starts} starts{(sheet.Options.OldPath is null ? "" : $", old build {oldReady.TotalSeconds:0.00} s")}";
        sheet.Add(new Figure("ready on an empty store", ready.TotalSeconds, ReadyLimit, "s", Note: note));
        sheet.Add(new Figure("end after SIGTERM, with exit code 0", stop.TotalSeconds, StopTimeLimit, "s", Note: $"slowest of {Starts}"));
    }

    public static async Task Idle(FigureSheet sheet)
    {
        var (memory, cpu) = await Idle(sheet, sheet.Options.KinePath);
        var (oldMemory, oldCpu) = sheet.Options.OldPath is { } old ? await Idle(sheet, old) : default;
        sheet.Add(new Figure("idle, empty store: RSS", memory, IdleMemoryLimit, "MB", Note: oldMemory > 0 ? $"old build {oldMemory:0.0} MB" : ""));
        var over = $"over {sheet.Options.IdleTime.TotalSeconds:0} s";
        sheet.Add(new Figure("idle, empty store: CPU", cpu, IdleCpuLimit, "%", Note: oldMemory > 0 ? $"{over}, old build {oldCpu:0.00} %" : over));
    }

    private static async Task<(TimeSpan Ready, TimeSpan Stop)> Start(string program)
    {
        using var folder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(program, folder);
        return (server.ReadyAfter, await server.Stop());
    }

    private static async Task<(double Memory, double Cpu)> Idle(FigureSheet sheet, string program)
    {
        using var folder = new TempFolder();
        await using var server = await ServerUnderTest.StartKine(program, folder);
        await Task.Delay(Settle, sheet.Stopped);
        var process = server.Measure();
        var before = process.CpuTime();
        await Task.Delay(sheet.Options.IdleTime, sheet.Stopped);
        var cpu = (process.CpuTime() - before) / sheet.Options.IdleTime * 100;
        return (FigureUnits.Megabytes(server.ResidentBytes), cpu);
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
