using System.Diagnostics;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>How long a cluster takes no writes when the process that writes is killed or stopped, with few keys and with many.</summary>
internal static class TakeoverFigures
{
    private const double KilledMedianLimit = 4; // s
    private const double KilledWorstLimit = 6; // s
    private const double StoppedLimit = 0.5; // s
    private const double MemoryLimit = 1.1; // of the writer's
    private const int ValueSize = 256;
    private const int PageSize = 500;
    private const string Key = "/registry/takeover";

    /// <summary>The writer is killed (SIGKILL) and started again.</summary>
    public static async Task Killed(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet);
        var times = new List<double>();
        for (var round = 0; round < sheet.Options.Kills; round++)
        {
            await cluster.Whole();
            var writer = cluster.Writer;
            times.Add(await UntilWritten(writer, cluster.Followers[round % 2]));
            await cluster.Restart(writer);
        }

        Say(sheet, cluster, times);
        var name = $"kill -9 of the writer, {times.Count} times: until the next write";
        sheet.Add(new Figure($"{name}, median", FigureUnits.Median(times), KilledMedianLimit, "s"));
        sheet.Add(new Figure($"{name}, worst", times.Max(), KilledWorstLimit, "s"));
    }

    /// <summary>The writer is stopped (SIGTERM) and started again: the longest that a client waits who writes through another process all the time.</summary>
    public static async Task Stopped(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet);
        var times = new List<double>();
        for (var round = 0; round < sheet.Options.Kills; round++)
        {
            await cluster.Whole();
            var writer = cluster.Writer;
            using var channel = new EtcdChannel(cluster.Followers[round % 2].Endpoint);
            await channel.Put(Key, "before");
            var stopping = writer.Stop();
            var longest = TimeSpan.Zero;
            bool replaced;
            do
            {
                replaced = cluster.Writer != writer;
                var time = await Put(channel);
                longest = time > longest ? time : longest;
            }
            while (!replaced);

            times.Add(longest.TotalSeconds);
            await stopping;
            await cluster.Restart(writer);
        }

        Say(sheet, cluster, times);
        sheet.Add(new Figure(
            $"SIGTERM of the writer, {times.Count} times: the longest write, worst", times.Max(), StoppedLimit, "s", Note: $"median {FigureUnits.Median(times):0.00} s"));
    }

    /// <summary>With a million keys.</summary>
    public static async Task Million(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet);
        var (writer, reader) = (cluster.Writer, cluster.Followers[0]);
        await sheet.RunOne(Options(sheet, writer, BenchMode.Put) with { InTurn = true, Total = sheet.Options.Keys });
        await sheet.RunOne(Options(sheet, reader, BenchMode.Walk) with { Clients = 1, Connections = 1 });
        if (cluster.Writer != writer)
            throw new BenchException("another process writes now than the one that was loaded");

        var (own, other) = (writer.ResidentBytes, reader.ResidentBytes);
        var keys = $"{sheet.Options.Keys:N0} keys";
        sheet.Add(new Figure(
            $"{keys}, all read: RSS of a process that only reads", (double)other / own, MemoryLimit, "x",
            Note: $"{FigureUnits.Mebibytes(other):0} MiB, the writer's {FigureUnits.Mebibytes(own):0} MiB"));
        sheet.Add(new Figure($"{keys}: kill -9 of the writer: until the next write", await UntilWritten(writer, reader), KilledWorstLimit, "s"));
    }

    private static async Task<double> UntilWritten(ServerUnderTest killed, ServerUnderTest other)
    {
        using var channel = new EtcdChannel(other.Endpoint);
        await channel.Put(Key, "before");
        var clock = Stopwatch.StartNew();
        await killed.KillHard();
        await Put(channel);
        return clock.Elapsed.TotalSeconds;
    }

    private static async Task<TimeSpan> Put(EtcdChannel channel)
    {
        var clock = Stopwatch.StartNew();
        await RetriedCall.Run(() => channel.Put(Key, "after"));
        return clock.Elapsed;
    }

    private static void Say(FigureSheet sheet, ClusterUnderTest cluster, List<double> times)
    {
        sheet.Say($"seconds of each round: {string.Join(' ', times.Select(time => $"{time:0.00}"))}");
        if (cluster.TakenForDead > 0)
            sheet.Say($"{cluster.TakenForDead} processes were taken for dead though nobody had killed them");
    }

    private static BenchOptions Options(FigureSheet sheet, ServerUnderTest server, BenchMode mode) => new()
    {
        Mode = mode,
        Endpoint = server.Endpoint,
        Pid = server.Pid,
        Keys = sheet.Options.Keys,
        ValueSize = ValueSize,
        Limit = PageSize,
        Duration = TimeSpan.FromHours(1),
        Warmup = TimeSpan.Zero,
        Seed = 1,
        Load = false,
    };
}
