using System.CommandLine;
using Kine.Grains.Import;
using Kine.Host.Cli;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>The command <c>kine migrate</c>: from a store, a server or a snapshot file into a store or a server.</summary>
internal static class MigrateCommand
{
    public static Command Create()
    {
        var from = new Option<string>("--from")
        {
            Description = "A store (as the server's --endpoint; its server has to be stopped), a running etcd or kine (http://, https://, unix://), or a snapshot file.",
            Required = true,
        };
        var to = new Option<string>("--to") { Description = "An empty store, whose revisions will be the source's; or a running server, which gives its own.", Required = true };
        var dryRun = new Option<bool>("--dry-run") { Description = "Read and check the source, say what would be done, and write nothing." };
        var skip = new Option<bool>("--skip-hash-check") { Description = "Accept a snapshot file without checksum, such as a copied member/snap/db." };
        var dropAuth = new Option<bool>("--drop-auth") { Description = "Accept a source that asks for a log-in: here everybody who connects may do everything." };
        var server = new ServerArguments();
        var store = new StoreArguments(Environment.GetEnvironmentVariable);
        var command = new Command("migrate", "Copy all data between stores, servers and snapshot files.") { from, to, dryRun, skip, dropAuth };
        foreach (var option in server.All.Concat(store.All))
            command.Options.Add(option);

        command.SetAction((parsed, cancellationToken) => TransferRun.Guard("migrate", async () =>
        {
            var source = parsed.GetValue(from)!;
            var target = parsed.GetValue(to)!;
            if (source == target)
                throw new FormatException("--from and --to are the same");

            var progress = TransferRun.Progress();
            var ends = new MigrateEnds(parsed, server, store, parsed.GetValue(skip), parsed.GetValue(dropAuth), progress);
            if (!MigrateEnds.IsServer(target) && !target.Contains("://", StringComparison.Ordinal))
                throw new FormatException("--to is a store or a server, such as sqlite://./db/state.db or http://127.0.0.1:2379");

            return parsed.GetValue(dryRun) ? await DryRun(source, target, ends, progress, cancellationToken)
                : MigrateEnds.IsServer(target) ? await ToServer(source, target, ends, progress, cancellationToken)
                : await ToStore(() => ends.Source(source, cancellationToken), target, ends, progress, cancellationToken);
        }));
        return command;
    }

    /// <summary>Into a store, whose revisions will be the source's.</summary>
    public static async Task<int> ToStore(Func<Task<IHistorySource>> open, string to, MigrateEnds ends, StageProgress progress, CancellationToken cancellationToken)
    {
        await using var store = ends.Store(to);
        await using var source = await open();
        await store.Open(cancellationToken);
        var summary = await progress.Run(
            "copying", source.LastRevision, done => HistoryImport.Run(source, store, TimeProvider.System, done, cancellationToken));
        Console.Out.WriteLine($"from {source.Description} to {store.Description}");
        TransferRun.Report(summary, Console.Out);
        return 0;
    }

    private static async Task<int> ToServer(string from, string to, MigrateEnds ends, StageProgress progress, CancellationToken cancellationToken)
    {
        using var channel = ends.Connect(to);

        // A target that does not answer is told before the source is read.
        await ServerPages.Open(channel, cancellationToken);
        await using var source = await ends.Source(from, cancellationToken);
        var live = await progress.Run("reading", source.LastRevision, done => LiveKeys.Read(source, done, cancellationToken));
        var target = new ServerTarget(channel, source, live);
        await target.CheckTarget(cancellationToken);
        var sum = await progress.Run("writing", source.LastRevision, done => target.Write(done, cancellationToken));
        await target.Check(sum, cancellationToken);
        Console.Out.WriteLine($"from {source.Description} to the server at {channel.Endpoint.Authority}, which gave its own revisions");
        Console.Out.WriteLine(
            $"{live.Count:N0} keys, {target.Written:N0} of them written now; {sum.Count:N0} without a lease read back and compared (sum {sum.Text})");
        return 0;
    }

    private static async Task<int> DryRun(string from, string to, MigrateEnds ends, StageProgress progress, CancellationToken cancellationToken)
    {
        await using var store = MigrateEnds.IsServer(to) ? null : ends.Store(to);
        await using var source = await ends.Source(from, cancellationToken);
        var live = await progress.Run("reading", source.LastRevision, done => LiveKeys.Read(source, done, cancellationToken));
        var end = source.End;
        Console.Out.WriteLine(
            $"from {source.Description}: {live.Records:N0} records, {live.Count:N0} keys, {end.Leases.Count:N0} leases, revision {end.Revision}, compacted {end.CompactRevision}");
        if (store is not null)
        {
            Console.Out.WriteLine($"to {store.Description}, which was not opened: it has to be empty, and would have the same revisions");
        }
        else
        {
            using var channel = ends.Connect(to);
            await new ServerTarget(channel, source, live).CheckTarget(cancellationToken);
            Console.Out.WriteLine($"to the server at {channel.Endpoint.Authority}, which would give its own revisions and has no key that the source has not");
        }

        Console.Out.WriteLine("nothing was written (--dry-run)");
        return 0;
    }
}
