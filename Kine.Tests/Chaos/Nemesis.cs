using System.Diagnostics;

namespace Kine.Tests.Chaos;

/// <summary>Breaks one thing or two at a time, at random, and waits until everything works again before the next.</summary>
internal sealed class Nemesis(ChaosCluster cluster, Random random, Action<string> log)
{
    private const double Shortest = 0.5; // seconds
    private const double Longest = 6; // longer than lease and membership take to notice

    private readonly Stopwatch _clock = Stopwatch.StartNew();

    /// <summary>How much it has broken.</summary>
    public int Count { get; private set; }

    public async Task Run(TimeSpan time, Func<Task> progress)
    {
        while (_clock.Elapsed < time)
        {
            var victim = random.Next(3) > 0 ? cluster.Writer : random.Next(ChaosCluster.Size);
            var faults = new List<Task> { Break(victim) };
            if (random.Next(4) == 0)
                faults.Add(Break((victim + random.Next(1, ChaosCluster.Size)) % ChaosCluster.Size));

            await Task.WhenAll(faults);
            await progress();
            await cluster.AllAnswer();
            log($"{_clock.Elapsed.TotalSeconds:0.0} s: everything answers");
        }
    }

    private Task Break(int process)
    {
        Count++;
        var seconds = Shortest + (random.NextDouble() * (Longest - Shortest));
        var time = TimeSpan.FromSeconds(seconds);
        var cut = (Cut)random.Next(3);
        var kind = random.Next(7);
        var (inwards, outwards) = random.Next(3) switch { 0 => (true, false), 1 => (false, true), _ => (true, true) };
        (var what, var breaking) = kind switch
        {
            0 => ($"kill process {process}", cluster.Kill(process, time / 2)),
            1 => ($"stop process {process}", cluster.Stop(process, time / 2)),
            2 => ($"pause process {process}", cluster.Pause(process, time)),
            3 => ($"cut process {process} from the database, {cut}", cluster.CutDatabase(process, time, cut)),
            4 => ($"cut process {process} from the others, {cut}, inwards {inwards}, outwards {outwards}", cluster.CutPeers(process, time, cut, inwards, outwards)),
            5 => ($"cut process {process} from everything, {cut}", Task.WhenAll(
                cluster.CutDatabase(process, time, cut), cluster.CutPeers(process, time, cut, true, true))),
            _ => ("restart the database", cluster.RestartDatabase(time / 3)),
        };
        log($"{_clock.Elapsed.TotalSeconds:0.0} s: {what}, {seconds:0.0}");
        return breaking;
    }
}
