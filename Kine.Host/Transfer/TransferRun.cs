using Grpc.Core;
using Kine.Backends;
using Kine.Grains.Import;
using Kine.Grains.Snapshots;
using Kine.Host.Cli;
using Kine.Host.Client;

namespace Kine.Host.Transfer;

/// <summary>What the commands that move data have in common.</summary>
internal static class TransferRun
{
    private const int Failed = 1;
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

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

    /// <summary>Shows the stages of such a command.</summary>
    public static StageProgress Progress() => StageProgress.ForProcess(LineEvery);

    /// <summary>Says what the store holds now.</summary>
    public static void Report(ImportSummary summary, TextWriter output)
    {
        if (summary.Resumed > 1)
            output.WriteLine($"went on behind revision {summary.Resumed}, where the run before was interrupted");

        output.WriteLine(
            $"{summary.Records:N0} records, read back and compared (checksum {summary.Checksum:x8}); revision {summary.Revision}, {Compacted(summary)}, {summary.Leases} leases");
    }

    private static string Compacted(ImportSummary summary) => summary.CompactRevision < 0
        ? "never compacted"
        : $"compacted at {summary.CompactRevision}";
}
