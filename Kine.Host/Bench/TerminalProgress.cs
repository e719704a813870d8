using System.Globalization;
using Spectre.Console;

namespace Kine.Host.Bench;

/// <summary>Progress on a terminal: a bar with the current speed while a round runs, then its row.</summary>
internal sealed class TerminalProgress(IAnsiConsole console) : IBenchProgress
{
    private const int Refresh = 250; // ms

    private TaskCompletionSource _ended = new();
    private Task _shown = Task.CompletedTask;

    public void RoundStarted(string target, string name, TimeSpan duration, long total, RoundResult result)
    {
        _ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _shown = console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(context => Show(context, $"{target} {name}", duration, total, result));
    }

    public async Task RoundEnded()
    {
        _ended.TrySetResult();
        await _shown;
    }

    public void RoundDone(string target, int number, RoundResult result)
    {
        // Not through the console's own WriteLine, which breaks lines at the width of the terminal.
        var output = console.Profile.Out.Writer;
        if (target == "A" && number == 1)
        {
            output.WriteLine(BenchText.Heading);
        }

        foreach (var row in BenchText.Rows($"{target} round {number}", result))
        {
            output.WriteLine(row);
        }
    }

    private async Task Show(ProgressContext context, string name, TimeSpan duration, long total, RoundResult result)
    {
        var byTime = duration != Timeout.InfiniteTimeSpan;
        var task = context.AddTask(name, maxValue: byTime ? duration.TotalSeconds : total);
        var before = 0L;
        var speed = 0.0;
        while (await Task.WhenAny(_ended.Task, Task.Delay(Refresh)) != _ended.Task)
        {
            var now = result.Operations;
            speed = speed == 0 ? (now - before) * 1000.0 / Refresh : (0.7 * speed) + (0.3 * (now - before) * 1000 / Refresh);
            before = now;
            task.Value = byTime ? task.ElapsedTime?.TotalSeconds ?? 0 : now;
            task.Description = string.Create(
                CultureInfo.InvariantCulture,
                $"{name}  {speed,9:N0} ops/s  p50 {BenchText.Time(result.Latencies.Percentile(50))}  p99 {BenchText.Time(result.Latencies.Percentile(99))}");
        }
    }
}
