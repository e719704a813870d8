using System.Diagnostics;

namespace Kine.Tests.Figures;

/// <summary>Calls that are made when they are due, whether or not the earlier ones are answered: what stands still gets more of them, not fewer.</summary>
internal static class SteadyPace
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(5);

    /// <summary>Makes them until it is told to stop, then waits for their ends.</summary>
    public static async Task Run(double perSecond, Func<long, Task> call, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(Tick);
        var underWay = new List<Task>();
        long made = 0;
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                for (; made < clock.Elapsed.TotalSeconds * perSecond; made++)
                    underWay.Add(call(made));

                foreach (var ended in underWay.Where(one => one.IsCompleted).ToArray())
                    await ended;

                underWay.RemoveAll(one => one.IsCompletedSuccessfully);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Told to.
        }

        await Task.WhenAll(underWay);
    }
}
