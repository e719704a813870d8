using System.CommandLine;
using System.Text.Json;
using Kine.Grains.Import;
using Kine.Grains.Snapshots;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>The command <c>kine snapshot</c>: etcd snapshot files from a server, into a store, and what is in one.</summary>
internal static class SnapshotCommand
{
    public static Command Create() => new("snapshot", "Save, inspect and restore etcd snapshot files (etcd 3.4 to 3.6, and kine).") { Save(), Status(), Restore() };

    private static Argument<string> FileArgument(string description) => new("file") { Description = description };

    private static Command Save()
    {
        var file = FileArgument("Where to write the snapshot.");
        var from = new Option<string>("--from") { Description = "The server, etcd or kine: http://, https:// or unix://.", DefaultValueFactory = _ => "http://127.0.0.1:2379" };
        var server = new ServerArguments();
        var command = new Command("save", "Save a snapshot of a running server, as etcdctl snapshot save does.") { file, from };
        Add(command, server.All);
        command.SetAction((parsed, cancellationToken) => TransferRun.Guard("snapshot save", async () =>
        {
            var path = parsed.GetValue(file)!;
            using var channel = server.Connect(parsed.GetValue(from)!, parsed);
            var size = await TransferRun.Progress().Run("saving", 100, async progress =>
            {
                long received = 0;
                await SnapshotDownload.Save(channel, path, (got, all) => progress((received = got) * 100 / Math.Max(all, 1)), cancellationToken);
                return received;
            });
            Console.Out.WriteLine($"snapshot of {size:N0} bytes saved at {path}");
            return 0;
        }));
        return command;
    }

    private static Command Status()
    {
        var file = FileArgument("The snapshot, or a copied member/snap/db.");
        var json = new Option<bool>("--json") { Description = "Print one JSON object, with etcdutl's names." };
        var command = new Command("status", "Show what is in a snapshot file, and whether it is whole.") { file, json };
        command.SetAction((parsed, cancellationToken) => TransferRun.Guard("snapshot status", async () =>
        {
            using var snapshot = SnapshotFile.Open(parsed.GetValue(file)!);
            var progress = TransferRun.Progress();
            var holds = await progress.Run("checksum", snapshot.DatabaseLength, done => Task.FromResult(snapshot.ChecksumHolds(done, cancellationToken)));
            var contents = snapshot.Contents;
            var live = await progress.Run("reading", contents.Revision, done => LiveKeys.Read(new SnapshotSource(snapshot, ""), done, cancellationToken));
            var hash = snapshot.StatusHash().ToString("x");
            var damaged = snapshot.HasChecksum && !holds;
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(JsonSerializer.Serialize(new
                {
                    hash = snapshot.StatusHash(),
                    revision = contents.Revision,
                    totalKey = live.Count,
                    totalSize = snapshot.DatabaseLength,
                    version = contents.StorageVersion,
                    records = live.Records,
                    compactRevision = contents.CompactRevision,
                    leases = contents.Leases.Count,
                    checksum = snapshot.HasChecksum ? holds ? "holds" : "differs" : "none",
                }));
            }
            else
            {
                WriteRow("revision", contents.Revision);
                WriteRow("compacted", contents.CompactRevision < 0 ? "never" : (object)contents.CompactRevision);
                WriteRow("keys", live.Count);
                WriteRow("records", live.Records);
                WriteRow("leases", contents.Leases.Count);
                WriteRow("database bytes", snapshot.DatabaseLength);
                WriteRow("storage version", contents.StorageVersion.Length > 0 ? contents.StorageVersion : "before 3.6");
                WriteRow("users and roles", contents.AuthEnabled ? "authentication is on" : "authentication is off");
                WriteRow("hash", hash);
                WriteRow("checksum", snapshot.HasChecksum ? holds ? "holds" : "DIFFERS: the file is damaged" : "none: a copy of a live database");
            }

            return damaged ? 1 : 0;
        }));
        return command;
    }

    private static Command Restore()
    {
        var file = FileArgument("The snapshot.");
        var to = new Option<string>("--to") { Description = "The store, as the server's --endpoint; it has to be empty.", Required = true };
        var skip = new Option<bool>("--skip-hash-check") { Description = "Accept a file without checksum, such as a copied member/snap/db." };
        var dropAuth = new Option<bool>("--drop-auth") { Description = "Accept a file of a server that asked for a log-in: here everybody who connects may do everything." };
        var store = new StoreArguments(Environment.GetEnvironmentVariable);
        var command = new Command("restore", "Turn a snapshot file into the content of an empty store.") { file, to, skip, dropAuth };
        Add(command, store.All);
        command.SetAction((parsed, cancellationToken) => TransferRun.Guard("snapshot restore", async () =>
        {
            var progress = TransferRun.Progress();
            var ends = new MigrateEnds(parsed, new ServerArguments(), store, parsed.GetValue(skip), parsed.GetValue(dropAuth), progress);
            return await MigrateCommand.ToStore(() => ends.Snapshot(parsed.GetValue(file)!, cancellationToken), parsed.GetValue(to)!, ends, progress, cancellationToken);
        }));
        return command;
    }

    private static void WriteRow<T>(string name, T value) => Console.Out.WriteLine($"{name,-16} {value}");

    private static void Add(Command command, IEnumerable<Option> options)
    {
        foreach (var option in options)
            command.Options.Add(option);
    }
}
