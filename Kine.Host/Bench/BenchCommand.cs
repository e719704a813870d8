using System.CommandLine;
using Grpc.Core;
using Kine.Host.Cli;
using Kine.Host.Client;

namespace Kine.Host.Bench;

/// <summary>The command <c>kine bench</c>: measures any server of the etcd v3 API, or two in turns.</summary>
internal static class BenchCommand
{
    private const int Failed = 1;
    private const int WrongUsage = 2;
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var command = new Command("bench", "Measure an etcd v3 server (kine, etcd, ...), or compare two.");
        command.Subcommands.Add(ModeCommand(BenchMode.Put, "Plain puts on random keys."));
        command.Subcommands.Add(ModeCommand(BenchMode.Create, "Creates as a kube-apiserver makes them: Txn If(ModRevision=0) Then(Put)."));
        command.Subcommands.Add(ModeCommand(BenchMode.Update, "Updates as a kube-apiserver makes them: Txn If(ModRevision=N) Then(Put) Else(Get)."));
        command.Subcommands.Add(ModeCommand(BenchMode.Get, "Gets of random keys."));
        command.Subcommands.Add(ModeCommand(BenchMode.List, "Pages of keys that go on at random places."));
        command.Subcommands.Add(ModeCommand(BenchMode.Walk, "Full walks: every client reads all keys once, page by page."));
        command.Subcommands.Add(ModeCommand(BenchMode.Count, "Counts of all keys."));
        command.Subcommands.Add(ModeCommand(BenchMode.Watch, "Time from a write to its event at each watcher (--clients watchers)."));
        return command;
    }

    private static Command ModeCommand(BenchMode mode, string description)
    {
        var command = new Command(mode.ToString().ToLowerInvariant(), description);
        var arguments = new BenchArguments(mode);
        foreach (var option in arguments.All)
            command.Options.Add(option);

        command.SetAction((parsed, cancellationToken) => Run(arguments, parsed, cancellationToken));
        return command;
    }

    private static async Task<int> Run(BenchArguments arguments, ParseResult parsed, CancellationToken cancellationToken)
    {
        try
        {
            var options = arguments.Read(parsed);
            var lines = options.Json ? Console.Error : Console.Out;
            lines.WriteLine(BenchText.Describe(options));
            var report = await new BenchRunner(options, StageProgress.ForProcess(LineEvery), lines).Run(cancellationToken);
            if (options.Json)
                Console.Out.WriteLine(BenchJson.Write(report));

            foreach (var line in options.Json ? [] : BenchText.Summary(report))
                lines.WriteLine(line);

            return report.HasErrors ? Failed : 0;
        }
        catch (Exception error) when (error is BenchException or FormatException)
        {
            Console.Error.WriteLine("kine bench: " + error.Message);
            return WrongUsage;
        }
        catch (RpcException error)
        {
            Console.Error.WriteLine("kine bench: " + error.Describe());
            return Failed;
        }
    }
}
