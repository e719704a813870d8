namespace Kine.Host.Bench.Figures;

/// <summary>An empty store: how fast it is ready, and what it takes while nobody asks for anything.</summary>
internal static class StartFigures
{
    private const int Starts = 3;
    private const double ReadyLimit = 2; // s
    private const double StopTimeLimit = 5; // s
    private const double IdleMemoryLimit = 120; // MB
    private const double IdleCpuLimit = 1; // %
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(10);

    /// <summary>The slowest of three starts, each on a store that does not exist yet.</summary>
    public static async Task Ready(FigureSheet sheet)
    {
        var ready = TimeSpan.Zero;
        var stop = TimeSpan.Zero;
        for (var start = 0; start < Starts; start++)
        {
            using var folder = new DataFolder();
            await using var server = await ServerUnderTest.StartKine(sheet.Options.KinePath, folder.Path);
            ready = Max(ready, server.ReadyAfter);
            stop = Max(stop, await server.Stop());
        }

        sheet.Add(new Figure("ready on an empty store", ready.TotalSeconds, ReadyLimit, "s", Note: $"slowest of {Starts} starts"));
        sheet.Add(new Figure("end after SIGTERM, with exit code 0", stop.TotalSeconds, StopTimeLimit, "s", Note: $"slowest of {Starts}"));
    }

    public static async Task Idle(FigureSheet sheet)
    {
        using var folder = new DataFolder();
        await using var server = await ServerUnderTest.StartKine(sheet.Options.KinePath, folder.Path);
        await Task.Delay(Settle, sheet.Stopped);
        var process = server.Measure();
        var before = process.CpuTime();
        await Task.Delay(sheet.Options.IdleTime, sheet.Stopped);
        var cpu = (process.CpuTime() - before) / sheet.Options.IdleTime * 100;
        sheet.Add(new Figure("idle, empty store: RSS", FigureUnits.Megabytes(process.ResidentBytes()), IdleMemoryLimit, "MB"));
        sheet.Add(new Figure("idle, empty store: CPU", cpu, IdleCpuLimit, "%", Note: $"over {sheet.Options.IdleTime.TotalSeconds:0} s"));
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
