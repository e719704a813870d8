using System.Globalization;
using Grpc.Core;
using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Grains.Import;
using Kine.Grains.Snapshots;
using Kine.Host.Cli;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>What the commands that move data have in common.</summary>
internal static class TransferRun
{
    private const int Failed = 1;

    /// <summary>Runs a command; what goes wrong is one sentence on standard error.</summary>
    public static async Task<int> Guard(string command, Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception error) when (error is FormatException or CommandLineException)
        {
            Console.Error.WriteLine($"kine {command}: {error.Message}");
            return KineCommand.WrongUsage;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"kine {command}: interrupted; the same command goes on where it was");
            return Failed;
        }
        catch (RpcException error)
        {
            Console.Error.WriteLine($"kine {command}: {error.Describe()}");
            return Failed;
        }
        catch (Exception error) when (error is SnapshotException or StoreRefusedException or ImportException or IOException
            or UnauthorizedAccessException or StoreBrokenException)
        {
            Console.Error.WriteLine($"kine {command}: {error.Message}");
            return Failed;
        }
        catch (Exception error) when (error is StoreUnavailableException or OutcomeUnknownException or FencedException)
        {
            Console.Error.WriteLine($"kine {command}: {error.Message}; the same command goes on where it was");
            return Failed;
        }
    }

    /// <summary>Checks the file, opens the store and fills it.</summary>
    public static async Task<ImportSummary> Restore(
        SnapshotFile snapshot, StoreEndpoint endpoint, bool skipHashCheck, bool dropAuth, CancellationToken cancellationToken)
    {
        var progress = StageProgress.ForProcess();
        await Check(snapshot, skipHashCheck, dropAuth, progress, cancellationToken);
        await using var store = endpoint.Create();
        await store.Open(cancellationToken);
        return await progress.Run(
            "restoring", snapshot.Contents.Revision, done => HistoryImport.Run(new SnapshotSource(snapshot, "the file"), store, TimeProvider.System, done, cancellationToken));
    }

    /// <summary>Throws <see cref="SnapshotException"/> unless the file is whole, or nothing can tell and the caller said so.</summary>
    public static async Task Check(SnapshotFile snapshot, bool skipHashCheck, bool dropAuth, StageProgress progress, CancellationToken cancellationToken)
    {
        if (!snapshot.HasChecksum && !skipHashCheck)
        {
            throw new SnapshotException("the file has no checksum; if it is a copy of member/snap/db, say --skip-hash-check");
        }

        if (snapshot.HasChecksum && !skipHashCheck
            && !await progress.Run("checking", snapshot.DatabaseLength, done => Task.FromResult(snapshot.ChecksumHolds(done, cancellationToken))))
        {
            throw new SnapshotException("the file is damaged: its checksum does not hold");
        }

        if (snapshot.Contents.AuthEnabled && !dropAuth)
        {
            throw new SnapshotException("the file's server asked for a log-in, which this kine does not; say --drop-auth to restore without users and roles");
        }
    }

    /// <summary>Says what the store holds now.</summary>
    public static void Report(ImportSummary summary, TextWriter output)
    {
        if (summary.Resumed > 1)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"went on behind revision {summary.Resumed}, where the run before was interrupted"));
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{summary.Records:N0} records, read back and compared (checksum {summary.Checksum:x8}); revision {summary.Revision}, {Compacted(summary)}, {summary.Leases} leases"));
    }

    private static string Compacted(ImportSummary summary) => summary.CompactRevision < 0
        ? "never compacted"
        : string.Create(CultureInfo.InvariantCulture, $"compacted at {summary.CompactRevision}");
}
