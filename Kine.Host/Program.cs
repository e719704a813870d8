using Kine.Host.Cli;
using Kine.Host.Hosting;

namespace Kine.Host;

/// <summary>The program <c>kine</c>.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args)
    {
        var server = new ServerRun(ServerBackends.Create, Console.Out, Console.Error, TimeProvider.System);
        return new KineCommand(Console.Out, Console.Error, Environment.GetEnvironmentVariable, server.Run).Run(args);
    }
}
