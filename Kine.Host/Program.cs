using System.CommandLine;
using Kine.Host.Bench;
using Kine.Host.Cli;
using Kine.Host.Hosting;
using Kine.Host.Transfer;

namespace Kine.Host;

/// <summary>The program <c>kine</c>.</summary>
internal static class Program
{
    /// <summary>What it does beside serving.</summary>
    public static IEnumerable<Command> Commands() => [BenchCommand.Create(), SnapshotCommand.Create(), MigrateCommand.Create()];

    private static Task<int> Main(string[] args)
    {
        var server = new ServerProgram(BackendServices.Add, Console.Out, Console.Error, TimeProvider.System);
        return new KineCommand(Console.Out, Console.Error, Environment.GetEnvironmentVariable, server.Run, Commands()).Run(args);
    }
}
