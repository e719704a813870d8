using System.Globalization;
using Spectre.Console;

namespace Kine.Host.Transfer;

/// <summary>Shows how far a stage of a longer command is: a bar on a terminal, elsewhere a line every few seconds.</summary>
internal sealed class StageProgress(TextWriter output, bool terminal, TimeProvider time)
{
    private const int Refresh = 200; // ms
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

    /// <summary>On standard error, so that standard output can be read by a program.</summary>
    public static StageProgress ForProcess() =>
        new(Console.Error, !Console.IsErrorRedirected && AnsiConsole.Profile.Capabilities.Interactive, TimeProvider.System);

    /// <summary>Runs a stage, which reports how much of <paramref name="total"/> is done as it goes.</summary>
    public async Task<T> Run<T>(string name, long total, Func<Action<long>, Task<T>> stage)
    {
        long done = 0;
        var running = Task.Run(() => stage(value => Volatile.Write(ref done, value)));
        if (terminal)
        {
            await ShowBar(name, total, () => Volatile.Read(ref done), running);
        }
        else
        {
            await WriteLines(name, total, () => Volatile.Read(ref done), running);
        }

        return await running;
    }

    private static async Task ShowBar(string name, long total, Func<long> done, Task running)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        await console.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var bar = context.AddTask(name, maxValue: Math.Max(total, 1));
                while (await Task.WhenAny(running, Task.Delay(Refresh)) != running)
                {
                    bar.Value = done();
                }

                if (running.IsCompletedSuccessfully)
                {
                    bar.Value = bar.MaxValue;
                }
            });
    }

    private async Task WriteLines(string name, long total, Func<long> done, Task running)
    {
        var start = time.GetTimestamp();
        while (await Task.WhenAny(running, Task.Delay(LineEvery, time)) != running)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{name}: {done():N0} of {total:N0} after {time.GetElapsedTime(start).TotalSeconds:0} s"));
        }
    }
}
