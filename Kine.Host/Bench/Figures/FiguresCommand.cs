using System.CommandLine;
using Kine.Host.Bench.Http2;
using Spectre.Console;

namespace Kine.Host.Bench.Figures;

/// <summary>The command <c>kine bench figures</c>: prints each promised figure beside its limit, on servers of its own.</summary>
internal static class FiguresCommand
{
    private const int Failed = 1;

    private static readonly (string Name, Func<FigureSheet, Task> Run)[] Sections =
    [
        ("ready", StartFigures.Ready), ("idle", StartFigures.Idle), ("million", LargeStoreFigures.Run), ("page", PageFigures.Run),
        ("compact", CompactFigures.Run), ("compare", CompareFigures.Run), ("stores", StoreFigures.Run), ("stores-million", StoreFigures.Million),
    ];

    private static readonly string[] OfStores = ["stores", "stores-million"];

    public static Command Create()
    {
        var sections = new Argument<string[]>("section") { Description = $"What to measure: {string.Join(", ", Sections.Select(section => section.Name))} (default: all, those of stores if there is a --store)." };
        sections.Validators.Add(result =>
        {
            foreach (var unknown in result.Tokens.Where(token => !Array.Exists(Sections, section => section.Name == token.Value)))
            {
                result.AddError($"there is no section '{unknown.Value}'");
            }
        });
        var kine = new Option<string>("--kine") { Description = "The program to measure.", DefaultValueFactory = _ => Environment.ProcessPath! };
        var etcd = new Option<string?>("--etcd") { Description = "An etcd 3.5 to compare with." };
        var stores = new Option<string[]>("--store") { Description = "A database server for the sections of stores: NAME=ENDPOINT with {} in place of the database's name." };
        stores.Validators.Add(result =>
        {
            foreach (var wrong in result.Tokens.Where(token => StoreUnderTest.Parse(token.Value) is null))
            {
                result.AddError($"--store '{wrong.Value}' is not NAME=ENDPOINT with {{}} in place of the database's name");
            }
        });
        var keys = new Option<int>("--keys") { Description = "Keys of the large stores.", DefaultValueFactory = _ => 1_000_000 };
        var seconds = new Option<int>("--seconds") { Description = "How long 64 clients update the large store.", DefaultValueFactory = _ => 600 };
        var compactEvery = new Option<int>("--compact-every") { Description = "Seconds between compactions meanwhile, as a kube-apiserver makes them every 300; 0 = none." };
        var roundSeconds = new Option<int>("--round-seconds") { Description = "Time of a round of the comparison.", DefaultValueFactory = _ => 10 };
        var compactSeconds = new Option<int>("--compact-seconds") { Description = "Time of the runs with and without compaction.", DefaultValueFactory = _ => 60 };
        var oldRevisions = new Option<int>("--old-revisions") { Description = "Old revisions that are compacted away.", DefaultValueFactory = _ => 500_000 };
        var command = new Command("figures", "Measure the promised figures, each beside its limit, on servers started for it.")
        {
            sections, kine, etcd, stores, keys, seconds, compactEvery, roundSeconds, compactSeconds, oldRevisions,
        };
        command.SetAction((parsed, cancellationToken) =>
        {
            var every = parsed.GetValue(compactEvery);
            var options = new FiguresOptions
            {
                KinePath = parsed.GetValue(kine)!,
                EtcdPath = parsed.GetValue(etcd),
                Stores = [.. (parsed.GetValue(stores) ?? []).Select(store => StoreUnderTest.Parse(store)!)],
                Keys = parsed.GetValue(keys),
                UpdateTime = TimeSpan.FromSeconds(parsed.GetValue(seconds)),
                CompactEvery = every > 0 ? TimeSpan.FromSeconds(every) : null,
                RoundTime = TimeSpan.FromSeconds(parsed.GetValue(roundSeconds)),
                CompactTime = TimeSpan.FromSeconds(parsed.GetValue(compactSeconds)),
                OldRevisions = parsed.GetValue(oldRevisions),
            };
            return Run(options, parsed.GetValue(sections) ?? [], cancellationToken);
        });
        return command;
    }

    private static async Task<int> Run(FiguresOptions options, string[] chosen, CancellationToken cancellationToken)
    {
        BenchCommand.PrepareSockets();
        var terminal = !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Interactive;
        var sheet = new FigureSheet(options, Console.Out, terminal ? new TerminalProgress(AnsiConsole.Console) : new NoProgress(), cancellationToken);
        foreach (var (name, run) in Sections)
        {
            if (chosen.Length > 0 ? !chosen.Contains(name) : options.Stores.Count == 0 && OfStores.Contains(name))
            {
                continue;
            }

            Console.Out.WriteLine($"== {name}");
            try
            {
                await run(sheet);
            }
            catch (Exception error) when (error is BenchException or GrpcException)
            {
                // The other sections still have something to say.
                sheet.AddBroken(name, error.Message);
            }
        }

        sheet.PrintSummary();
        return sheet.AllPassed ? 0 : Failed;
    }
}
