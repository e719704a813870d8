using System.CommandLine;
using System.Text;

namespace Kine.Host.Cli;

/// <summary>What <c>kine --help</c> prints: the flags in groups, each with its value, default and variable.</summary>
internal static class HelpText
{
    private const int Width = 100; // columns
    private const int Indent = 8;

    public static string Server(IEnumerable<Command> subcommands)
    {
        var text = new StringBuilder();
        text.Append("kine serves the etcd v3 API over a store of your choice.\n\n");
        text.Append("Usage:\n  kine [flags]\n");
        foreach (var command in subcommands)
            text.Append($"  kine {command.Name} --help\n      {command.Description}\n");

        text.Append("\nEvery flag can be given as a variable too; a flag goes before its variable. Durations are written like 1m30s.\n");
        foreach (var group in ServerFlags.All.GroupBy(f => f.Group))
        {
            text.Append($"\n{group.Key}:\n");
            foreach (var flag in group)
                Append(text, flag);
        }

        text.Append("\nOther:\n  --help\n        This text\n  --version\n        Name and version\n");
        return text.ToString();
    }

    private static void Append(StringBuilder text, ServerFlag flag)
    {
        text.Append($"  --{flag.Name}");
        if (!flag.IsSwitch)
            text.Append($" {flag.Value}");

        if (flag is { IsSwitch: false, Default.Length: not 0 })
            text.Append($"  (default {flag.Default})");

        text.Append($"  [{flag.Variable}]\n");
        var line = new StringBuilder(new string(' ', Indent));
        foreach (var word in flag.Help.Split(' '))
        {
            if (line.Length + word.Length > Width)
            {
                text.Append(line.ToString().TrimEnd()).Append('\n');
                line.Clear().Append(' ', Indent);
            }

            line.Append(word).Append(' ');
        }

        text.Append(line.ToString().TrimEnd()).Append('\n');
    }
}
