using System.Globalization;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Kine.Host.Bench;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>h2load (nghttp2) with one gRPC request sent again and again: a driver much lighter than any server.</summary>
internal static partial class H2Load
{
    private const string Program = "h2load";
    private const string Connections = "4";
    private const string StreamsOfEach = "16";

    /// <summary>64 clients on four connections for a time.</summary>
    /// <exception cref="BenchException">h2load is not there, or some requests failed.</exception>
    public static async Task<LoadResult> Run(ServerUnderTest server, string method, IMessage request, TimeSpan duration, TempFolder folder)
    {
        var body = folder["h2load.body"];
        await File.WriteAllBytesAsync(body, GrpcClient.Frame(request));
        string[] arguments =
        [
            "-c", Connections, "-m", StreamsOfEach, "-t", "1", "-D", duration.TotalSeconds.ToString("0", CultureInfo.InvariantCulture),
            "-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers", server.Endpoint + method,
        ];
        var process = server.Measure();
        var before = process.CpuTime();
        var command = await Start(arguments, duration + TimeSpan.FromMinutes(1));
        var cpu = process.CpuTime() - before;
        var counts = Requests().Match(command.Output);
        if (command.ExitCode != 0 || !counts.Success || counts.Groups["failed"].Value != "0")
            throw new BenchException($"h2load ended with code {command.ExitCode}:\n{command.Output}{command.Errors}");

        var done = long.Parse(counts.Groups["done"].Value, CultureInfo.InvariantCulture);
        return new LoadResult(done / duration.TotalSeconds, cpu.TotalMicroseconds / done);
    }

    private static async Task<Command> Start(string[] arguments, TimeSpan within)
    {
        try
        {
            return await Command.Run(Program, arguments, within: within);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new BenchException("h2load is missing: run deploy/test-tools.sh first");
        }
    }

    [GeneratedRegex(@"^requests: .* (?<done>\d+) succeeded, (?<failed>\d+) failed", RegexOptions.Multiline)]
    private static partial Regex Requests();
}
