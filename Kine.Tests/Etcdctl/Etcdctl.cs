using System.Text.RegularExpressions;
using Kine.Tests.Servers;

namespace Kine.Tests.Etcdctl;

/// <summary>etcdctl 3.5 pointed at one server.</summary>
public sealed partial class Etcdctl(EtcdApiServer server)
{
    private static readonly Dictionary<string, string> Environment = new() { ["ETCDCTL_API"] = "3" };

    /// <summary>Runs one command line, words split at spaces; words with spaces stand in single quotes.</summary>
    public Task<Command> Run(string commandLine, string input = "", TimeSpan? within = null)
        => Command.Run(TestTools.Etcdctl, Arguments(commandLine), input, within, Environment);

    /// <summary>Starts a command that goes on until it is stopped.</summary>
    public RunningProcess Start(string commandLine)
        => RunningProcess.Start(TestTools.Etcdctl, Arguments(commandLine), environment: Environment);

    /// <summary>Runs a command that has to succeed, and gives its output.</summary>
    public async Task<string> Must(string commandLine, string input = "")
    {
        var result = await Run(commandLine, input);
        if (result.ExitCode != 0)
            throw new InvalidOperationException($"etcdctl {commandLine} ended with {result.ExitCode}: {result.Output}{result.Errors}");

        return result.Output;
    }

    /// <summary>Output and error as text, without what differs between two healthy servers.</summary>
    public string Comparable(Command result)
    {
        var errors = string.Join('\n', result.Errors.Split('\n').Where(line => !line.StartsWith('{')));
        var text = $"exit {result.ExitCode}\n{result.Output}{errors}".Replace(server.Address, "SERVER");
        text = JsonHeader().Replace(text, "$1:N");
        text = FieldHeader().Replace(text, "$1N");
        text = Duration().Replace(text, "TIME");
        return HexId().Replace(text, "ID");
    }

    private IEnumerable<string> Arguments(string commandLine)
    {
        yield return "--endpoints";
        yield return server.Address;
        foreach (Match word in Word().Matches(commandLine))
            yield return word.Value.Trim('\'');
    }

    [GeneratedRegex("'[^']*'|[^ ]+")]
    private static partial Regex Word();

    [GeneratedRegex("(\"(?:cluster_id|member_id|raft_term|lease|id)\"):-?[0-9]+")]
    private static partial Regex JsonHeader();

    [GeneratedRegex("(\"(?:ClusterID|MemberID|RaftTerm)\" : |\"Lease\" : (?=[0-9]{6}))[0-9]+")]
    private static partial Regex FieldHeader();

    [GeneratedRegex("[0-9.]+(?:µs|ms|s)\\b")]
    private static partial Regex Duration();

    [GeneratedRegex("\\b[0-9a-f]{14,16}\\b")]
    private static partial Regex HexId();
}
