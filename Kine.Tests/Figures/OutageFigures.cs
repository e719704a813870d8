using System.Diagnostics;
using Kine.Host.Bench;
using Kine.Host.Client;
using Kine.Tests.Faults;
using Kine.Tests.Wire;

namespace Kine.Tests.Figures;

/// <summary>A cluster under load whose processes are paused, or restarted one after the other: what its clients notice.</summary>
internal static class OutageFigures
{
    private static readonly TimeSpan PauseTime = TimeSpan.FromSeconds(6); // twice the lease
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(3); // of load alone
    private const double CreatesPerSecond = 200;

    /// <summary>The writer stands still (SIGSTOP) for twice its lease and goes on (SIGCONT), while clients of all processes read and write.</summary>
    public static async Task Pause(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet);
        using var channel = new EtcdChannel(cluster.Members[0].Endpoint);
        var first = (await channel.Put("/registry/first", "")).Header.Revision + 1;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(sheet.Stopped);
        var load = new SteadyLoad([.. cluster.Members.Select(member => member.Endpoint)]);
        var running = load.Run(stop.Token);
        for (var round = 0; round < sheet.Options.Kills; round++)
        {
            await Task.Delay(Between, sheet.Stopped);
            await cluster.Whole();
            var writer = cluster.Writer;
            await writer.Pause();
            await Task.Delay(PauseTime, sheet.Stopped);
            var replaced = cluster.Writer != writer;
            writer.Continue();
            if (!replaced)
                throw new BenchException($"nobody took over while the writer stood still for {PauseTime.TotalSeconds:0} s");
        }

        await cluster.Whole();
        await stop.CancelAsync();
        await running;
        var history = await History.Read(channel, first, (await channel.HashKV()).Header.Revision);
        var (lost, doubled) = load.Check(first, history);
        sheet.Say($"{load.Reads:N0} reads and {load.Writes:N0} writes answered; without an answer: {load.Errors}");
        sheet.Say($"{cluster.TakenForDead} of the paused processes ended, having been taken for dead, and were started again");
        var name = $"writer paused for {PauseTime.TotalSeconds:0} s, {sheet.Options.Kills} times";
        sheet.Add(new Figure($"{name}: stale reads", load.Stale, 0, "reads"));
        sheet.Add(new Figure($"{name}: lost writes", lost, 0, "writes"));
        sheet.Add(new Figure($"{name}: doubled writes", doubled, 0, "writes"));
    }

    /// <summary>Each process is stopped (SIGTERM) and started again, while clients create keys and try again where an answer is Unavailable.</summary>
    public static async Task Rolling(FigureSheet sheet)
    {
        await using var cluster = await ClusterUnderTest.Start(sheet);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(sheet.Stopped);
        var creates = new SteadyCreates([.. cluster.Members.Select(member => member.Endpoint)], CreatesPerSecond);
        var running = creates.Run(stop.Token);
        var clock = Stopwatch.StartNew();
        foreach (var member in cluster.Members.ToArray())
        {
            await Task.Delay(Between, sheet.Stopped);
            await member.Stop();
            await cluster.Restart(member);
            await cluster.Whole();
        }

        await Task.Delay(Between, sheet.Stopped);
        await stop.CancelAsync();
        await running;
        var seconds = clock.Elapsed.TotalSeconds;
        using var channel = new EtcdChannel(cluster.Members[0].Endpoint);
        var (lost, doubled) = creates.Check((await channel.Range(SteadyCreates.Everything)).Kvs);
        sheet.Say($"{creates.Made:N0} creates in {seconds:0.0} s, {creates.Retried:N0} tried again, the longest took {creates.Longest.TotalSeconds:0.00} s; {creates.Errors}");
        sheet.Add(new Figure($"rolling restart at {CreatesPerSecond} creates/s: errors", creates.Failed, 0, "calls"));
        sheet.Add(new Figure($"rolling restart at {CreatesPerSecond} creates/s: lost creates", lost, 0, "keys"));
        sheet.Add(new Figure($"rolling restart at {CreatesPerSecond} creates/s: doubled creates", doubled, 0, "keys"));
    }
}
