using System.Diagnostics;
using Spectre.Console;

namespace Kine.Host.Cli;

/// <summary>Shows how far the stages of a longer command are: a bar on a terminal, elsewhere a line every so often.</summary>
internal sealed class StageProgress(TextWriter output, IAnsiConsole? terminal, TimeSpan lineEvery)
{
    private static readonly TimeSpan Refresh = TimeSpan.FromMilliseconds(500);

    /// <summary>On standard error, so that standard output can be read by a program.</summary>
    public static StageProgress ForProcess(TimeSpan lineEvery)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return new StageProgress(Console.Error, !Console.IsErrorRedirected && console.Profile.Capabilities.Interactive ? console : null, lineEvery);
    }

    /// <summary>Runs a stage, which reports how much of <paramref name="total"/> is done as it goes.</summary>
    public Task<T> Run<T>(string name, long total, Func<Action<long>, Task<T>> stage)
    {
        long done = 0;
        return Run(
            name, total, () => (done, $"{done:N0} of {total:N0}"), () => stage(value => Volatile.Write(ref done, value)));
    }

    /// <summary>Runs a stage; <paramref name="look"/> says how much of <paramref name="total"/> is done, in numbers and in words.</summary>
    public async Task<T> Run<T>(string name, double total, Func<(double Done, string Text)> look, Func<Task<T>> stage)
    {
        var running = Task.Run(stage);
        await (terminal is null ? WriteLines(name, look, running) : ShowBar(terminal, name, total, look, running));
        return await running;
    }

    private static Task ShowBar(IAnsiConsole terminal, string name, double total, Func<(double Done, string Text)> look, Task running) => terminal.Progress()
        .AutoClear(true)
        .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn())
        .StartAsync(async context =>
        {
            var bar = context.AddTask(name, maxValue: Math.Max(total, 1));
            while (await Task.WhenAny(running, Task.Delay(Refresh)) != running)
            {
                (bar.Value, var text) = look();
                bar.Description = $"{name}  {text}";
            }
        });

    private async Task WriteLines(string name, Func<(double Done, string Text)> look, Task running)
    {
        var start = Stopwatch.GetTimestamp();
        while (await Task.WhenAny(running, Task.Delay(lineEvery)) != running)
            output.WriteLine($"{name}: {look().Text} after {Stopwatch.GetElapsedTime(start).TotalSeconds:0} s");
    }
}
