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
        catch (Exception error) when (Sentence(error) is { } sentence)
        {
            Console.Error.WriteLine($"kine {command}: {sentence}");
            return error is FormatException or CommandLineException ? KineCommand.WrongUsage : Failed;
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

    // Null = a fault of our own, which ends the program as such.
    private static string? Sentence(Exception error) => error switch
    {
        OperationCanceledException => "interrupted; the same command goes on where it was",
        RpcException failed => failed.Describe(),
        StoreUnavailableException or OutcomeUnknownException or FencedException =>
            $"{error.Message}; the same command goes on where it was",
        FormatException or CommandLineException or SnapshotException or ImportException => error.Message,
        StoreRefusedException or StoreBrokenException or IOException or UnauthorizedAccessException => error.Message,
        _ => null,
    };

    private static string Compacted(ImportSummary summary) =>
        summary.CompactRevision < 0 ? "never compacted" : $"compacted at {summary.CompactRevision}";
}
