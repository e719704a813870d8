using System.CommandLine;
using Grpc.Core;
using Kine.Host.Bench;
using Kine.Host.Client;

namespace Kine.Tests.Figures;

/// <summary>
/// What this assembly does when it is run as a program (deploy/figures.sh): prints each promised figure beside its limit, on servers of its own.
/// </summary>
internal static class FiguresProgram
{
    private const int Failed = 1;

    private static readonly (string Name, Func<FigureSheet, Task> Run)[] Sections =
    [
        ("code", CodeFigures.Run), ("ready", StartFigures.Ready), ("idle", StartFigures.Idle), ("cpu", OldFigures.Cpu), ("alone", OldFigures.Alone),
        ("million", LargeStoreFigures.Run), ("page", PageFigures.Run), ("compact", CompactFigures.Run), ("compact-calls", CompactFigures.RunCalls),
        ("leases", LeaseFigures.Run), ("compare", CompareFigures.Run),
        ("stores", StoreFigures.Run), ("stores-million", StoreFigures.Million), ("old-stores", OldFigures.Stores),
        ("cluster-takeover", TakeoverFigures.Killed), ("cluster-clean", TakeoverFigures.Stopped), ("cluster-pause", OutageFigures.Pause),
        ("cluster-rolling", OutageFigures.Rolling), ("cluster-idle", ClusterFigures.Idle), ("cluster-reads", ClusterFigures.Reads),
        ("cluster-watch", ClusterFigures.Watch), ("cluster-million", TakeoverFigures.Million),
    ];

    private static readonly string[] ByDefault = ["ready", "idle", "million", "page", "compact", "compact-calls", "leases", "compare"];

    public static Task<int> Main(string[] arguments) => Command().Parse(arguments).InvokeAsync();

    private static RootCommand Command()
    {
        var sections = new Argument<string[]>("section")
        {
            Description = $"What to measure: {string.Join(", ", Sections.Select(section => section.Name))} (default: {string.Join(", ", ByDefault)}).",
        };
        sections.Validators.Add(result =>
        {
            foreach (var unknown in result.Tokens.Where(token => !Array.Exists(Sections, section => section.Name == token.Value)))
                result.AddError($"there is no section '{unknown.Value}'");
        });
        var kine = new Option<string>("--kine") { Description = "The program to measure.", Required = true };
        var old = new Option<string?>("--old") { Description = "The kine program of an old build to measure it beside." };
        var etcd = new Option<string?>("--etcd") { Description = "An etcd 3.5 to compare with." };
        var stores = new Option<string[]>("--store") { Description = "A database server for the sections of stores: NAME=ENDPOINT with {} in place of the database's name." };
        stores.Validators.Add(result =>
        {
            foreach (var wrong in result.Tokens.Where(token => StoreUnderTest.Parse(token.Value) is null))
                result.AddError($"--store '{wrong.Value}' is not NAME=ENDPOINT with {{}} in place of the database's name");
        });
        var keys = new Option<int>("--keys") { Description = "Keys of the large stores.", DefaultValueFactory = _ => 1_000_000 };
        var seconds = new Option<int>("--seconds") { Description = "How long 64 clients update the large store.", DefaultValueFactory = _ => 600 };
        var compactEvery = new Option<int>("--compact-every") { Description = "Seconds between compactions meanwhile, as a kube-apiserver makes them every 300; 0 = none." };
        var rounds = new Option<int>("--rounds") { Description = "Rounds of a comparison.", DefaultValueFactory = _ => 5 };
        var roundSeconds = new Option<int>("--round-seconds") { Description = "Time of a round of a comparison.", DefaultValueFactory = _ => 10 };
        var compactSeconds = new Option<int>("--compact-seconds") { Description = "Time of the runs with and without compaction.", DefaultValueFactory = _ => 60 };
        var idleSeconds = new Option<int>("--idle-seconds") { Description = "How long an idle server is watched.", DefaultValueFactory = _ => 30 };
        var kills = new Option<int>("--kills") { Description = "How often the writer of a cluster is killed, stopped and paused.", DefaultValueFactory = _ => 20 };
        var oldRevisions = new Option<int>("--old-revisions") { Description = "Old revisions that are compacted away.", DefaultValueFactory = _ => 500_000 };
        var command = new RootCommand("Measures the promised figures, each beside its limit, on servers started for it.")
        {
            sections, kine, old, etcd, stores, keys, seconds, compactEvery, rounds, roundSeconds, compactSeconds, idleSeconds, oldRevisions, kills,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            var every = parsed.GetValue(compactEvery);
            var options = new FiguresOptions
            {
                KinePath = parsed.GetValue(kine)!,
                OldPath = parsed.GetValue(old),
                EtcdPath = parsed.GetValue(etcd),
                Stores = [.. (parsed.GetValue(stores) ?? []).Select(store => StoreUnderTest.Parse(store)!)],
                Keys = parsed.GetValue(keys),
                UpdateTime = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                CompactEvery = every > 0 ? TimeSpan.FromSeconds(every) : null,
                Rounds = parsed.GetValue(rounds),
                RoundTime = TimeSpan.FromSeconds(parsed.GetValue(roundSeconds)),
                CompactTime = TimeSpan.FromSeconds(parsed.GetValue(compactSeconds)),
                IdleTime = TimeSpan.FromSeconds(parsed.GetValue(idleSeconds)),
                Kills = parsed.GetValue(kills),
                OldRevisions = parsed.GetValue(oldRevisions),
            };
            return Run(options, parsed.GetValue(sections) is { Length: > 0 } chosen ? chosen : ByDefault, cancellationToken);
        });
        return command;
    }

    private static async Task<int> Run(FiguresOptions options, string[] chosen, CancellationToken cancellationToken)
    {
        // What configures this program is nothing for the servers it starts.
        foreach (var name in Environment.GetEnvironmentVariables().Keys.Cast<string>().Where(name => name.StartsWith("KINE_", StringComparison.Ordinal) || name.StartsWith("ETCD_", StringComparison.Ordinal)))
            Environment.SetEnvironmentVariable(name, null);

        var sheet = new FigureSheet(options, Console.Out, cancellationToken);
        foreach (var (name, run) in Sections.Where(section => chosen.Contains(section.Name)))
        {
            Console.Out.WriteLine($"== {name}");
            try
            {
                await run(sheet);
            }
            catch (Exception error) when (error is BenchException or TimeoutException)
            {
                // The other sections still have something to say.
                sheet.AddBroken(name, error.Message);
            }
            catch (RpcException error)
            {
                sheet.AddBroken(name, error.Describe());
            }
        }

        sheet.PrintSummary();
        return sheet.AllPassed ? 0 : Failed;
    }
}
