using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>A million keys of 64 bytes with values of 256: memory in every situation, and the time to be back.</summary>
internal static class LargeStoreFigures
{
    private const int ValueSize = 256;
    private const int PageSize = 500;
    private const double MemoryLimit = 1024; // MiB
    private const double RestartLimit = 10; // s
    private static readonly TimeSpan WritesBeforeKill = TimeSpan.FromSeconds(3);

    public static async Task Run(FigureSheet sheet)
    {
        using var folder = new TempFolder();
        await using (var server = await Start(sheet, folder))
        {
            await sheet.RunOne(Options(sheet, server, BenchMode.Put) with { InTurn = true, Total = sheet.Options.Keys, Warmup = TimeSpan.Zero });
            Memory(sheet, "while loading", server);
            await Walk(sheet, server, "during a full walk by pages of 500");
            await server.Stop();
        }

        await using (var server = await Start(sheet, folder))
        {
            Restarted(sheet, server, "after a clean restart");
            await Walk(sheet, server, "during a full walk after a clean restart");

            // Killed in the middle of writes, so that there is something to recover.
            var writing = FigureSheet.Runner(
                Options(sheet, server, BenchMode.Put) with { Pid = null, Warmup = TimeSpan.Zero, Duration = WritesBeforeKill * 2 }).Run(sheet.Stopped);
            await Task.Delay(WritesBeforeKill, sheet.Stopped);
            await server.KillHard();
            if (!(await writing).HasErrors)
                throw new BenchException("no write was under way when the server was killed");
        }

        await using (var server = await Start(sheet, folder))
        {
            Restarted(sheet, server, "after kill -9");
            await Update(sheet, server);
            await server.Stop();
        }

        await using (var server = await Start(sheet, folder))
        {
            // The time grows with what was overwritten and never compacted; the limit is for the keys.
            sheet.Say($"{Count(sheet)}: ready after the updates and a clean restart in {server.ReadyAfter.TotalSeconds:0.0} s");
            Memory(sheet, "after the updates and a clean restart", server);
        }
    }

    private static Task<ServerUnderTest> Start(FigureSheet sheet, TempFolder folder) =>
        ServerUnderTest.StartKine(sheet.Options.KinePath, folder);

    private static string Count(FigureSheet sheet) => sheet.Options.Keys == 1_000_000 ? "1M keys" : $"{sheet.Options.Keys:N0} keys";

    private static BenchOptions Options(FigureSheet sheet, ServerUnderTest server, BenchMode mode) => new()
    {
        Mode = mode,
        Endpoint = server.Endpoint,
        Pid = server.Pid,
        Keys = sheet.Options.Keys,
        ValueSize = ValueSize,
        Limit = PageSize,
        Seed = 1,
        Load = false,
    };

    private static async Task Walk(FigureSheet sheet, ServerUnderTest server, string name)
    {
        server.ResetPeak();
        await sheet.RunOne(Options(sheet, server, BenchMode.Walk) with { Clients = 1, Connections = 1, Warmup = TimeSpan.Zero });
        Memory(sheet, name, server);
    }

    private static async Task Update(FigureSheet sheet, ServerUnderTest server)
    {
        server.ResetPeak();
        using var over = CancellationTokenSource.CreateLinkedTokenSource(sheet.Stopped);
        var compacting = sheet.Options.CompactEvery is { } interval ? KubernetesCompaction.Run(server.Endpoint, interval, over.Token) : Task.CompletedTask;
        await sheet.RunOne(Options(sheet, server, BenchMode.Update) with { Duration = sheet.Options.UpdateTime, Warmup = TimeSpan.Zero });
        await over.CancelAsync();
        await compacting;
        var note = sheet.Options.CompactEvery is { } every ? $"compacted every {every.TotalSeconds:0} s" : "never compacted";
        var minutes = $"{sheet.Options.UpdateTime.TotalMinutes:0.#} minutes of 64 clients updating";
        sheet.Add(new Figure($"{Count(sheet)}: RSS after {minutes}", FigureUnits.Mebibytes(server.ResidentBytes), MemoryLimit, "MiB", Note: note));
        Memory(sheet, $"during {minutes}", server);
    }

    private static void Restarted(FigureSheet sheet, ServerUnderTest server, string name)
    {
        sheet.Add(new Figure($"{Count(sheet)}: ready {name}", server.ReadyAfter.TotalSeconds, RestartLimit, "s"));
        Memory(sheet, name, server);
    }

    private static void Memory(FigureSheet sheet, string name, ServerUnderTest server) =>
        sheet.Add(new Figure($"{Count(sheet)}: highest RSS {name}", FigureUnits.Mebibytes(server.PeakResidentBytes), MemoryLimit, "MiB"));
}
