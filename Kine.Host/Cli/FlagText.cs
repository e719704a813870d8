namespace Kine.Host.Cli;

/// <summary>Text as a person meant it. A variable filled from a file, a Secret made by echo for example, ends with a newline.</summary>
internal static class FlagText
{
    /// <summary>The text without white space at its ends.</summary>
    /// <param name="text">As given.</param>
    /// <param name="source">The flag or variable, for the message. The text itself may be secret.</param>
    /// <exception cref="CommandLineException">It holds a control character inside.</exception>
    public static string Read(string text, string source)
    {
        var read = text.Trim();
        foreach (var c in read)
        {
            if (char.IsControl(c))
                throw new CommandLineException($"{source} holds a control character (code {(int)c}), which no value has");
        }

        return read;
    }

    /// <summary>The same for each argument of a command line, and for the value behind its equals sign.</summary>
    public static string[] Read(string[] args)
    {
        var read = new string[args.Length];
        var flag = string.Empty;
        for (var i = 0; i < args.Length; i++)
        {
            var source = flag.Length != 0 ? flag : $"argument {i + 1}";
            flag = string.Empty;
            var equals = args[i].IndexOf('=');
            if (!args[i].StartsWith('-'))
            {
                read[i] = Read(args[i], source);
            }
            else if (equals < 0)
            {
                read[i] = Read(args[i], $"argument {i + 1}");
                flag = WithTwoDashes(read[i]);
            }
            else
            {
                var name = Read(args[i][..equals], $"argument {i + 1}");
                read[i] = $"{name}={Read(args[i][(equals + 1)..], WithTwoDashes(name))}";
            }
        }

        return read;
    }

    private static string WithTwoDashes(string flag) => "--" + flag.TrimStart('-');
}
