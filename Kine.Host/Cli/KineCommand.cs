using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Reflection;

namespace Kine.Host.Cli;

/// <summary>The command line: <c>kine</c> is the server, further commands hang below it.</summary>
internal sealed class KineCommand
{
    /// <summary>Exit code for a wrong command line.</summary>
    public const int WrongUsage = 2;

    private readonly TextWriter _output;
    private readonly TextWriter _error;
    private readonly Func<string, string?> _variables;
    private readonly Func<ServerOptions, Task<int>> _serve;
    private readonly RootCommand _root = new("kine serves the etcd v3 API over a store of your choice.");

    /// <summary>The command line of this process.</summary>
    /// <param name="output">For help and version.</param>
    /// <param name="error">For the sentence that says what is wrong.</param>
    /// <param name="variables">Environment variables by name.</param>
    /// <param name="serve">Runs the server and gives the exit code.</param>
    /// <param name="commands">What the program does beside serving.</param>
    public KineCommand(TextWriter output, TextWriter error, Func<string, string?> variables, Func<ServerOptions, Task<int>> serve, IEnumerable<Command> commands)
    {
        _output = output;
        _error = error;
        _variables = variables;
        _serve = serve;
        foreach (var flag in ServerFlags.All)
            _root.Options.Add(flag.Option);

        foreach (var option in _root.Options)
        {
            if (option is HelpOption)
                option.Action = new RootHelp(this, option.Action as SynchronousCommandLineAction);
            else if (option is VersionOption)
                option.Action = new PrintVersion(output);
        }

        foreach (var command in commands)
            _root.Subcommands.Add(command);

        _root.SetAction(static _ => 0); // so that the root may stand without a subcommand; Run does the serving
    }

    /// <summary>The program's version.</summary>
    public static string Version { get; } =
        typeof(KineCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Reads the command line and does what it says.</summary>
    /// <returns>Exit code; <see cref="WrongUsage"/> after one sentence on the error stream when it cannot be read.</returns>
    public async Task<int> Run(string[] args)
    {
        try
        {
            args = FlagText.Read(args);
            // Only a subcommand may read "-x": the server's flags are spelled with one dash or two, as Go reads them.
            var parsed = _root.Parse(args.Length != 0 && _root.Subcommands.Any(c => c.Name == args[0]) ? args : [.. args.Select(WithTwoDashes)]);
            if (parsed.CommandResult.Command is { } command && command != _root)
            {
                // A command that only groups others answers with its help; a wrong option of one that does something, with a sentence.
                if (parsed.Action is ParseErrorAction && command.Subcommands.Count == 0)
                    throw new CommandLineException(parsed.Errors[0].Message.TrimEnd('.'), CommandPath(command));

                return await parsed.InvokeAsync(new InvocationConfiguration { Output = _output, Error = _error });
            }

            if (parsed.Action is not null && parsed.Action != _root.Action)
            {
                return parsed.Errors.Count == 0 || parsed.Action is not ParseErrorAction
                    ? await parsed.InvokeAsync(new InvocationConfiguration { Output = _output, Error = _error })
                    : throw Wrong(parsed);
            }

            if (parsed.Errors.Count != 0)
                throw Wrong(parsed);

            return await _serve(ReadOptions(parsed));
        }
        catch (CommandLineException e)
        {
            await _error.WriteLineAsync($"kine: {e.Message} ({e.Command} --help lists the flags)");
            return WrongUsage;
        }
    }

    private static string CommandPath(Command command) =>
        command.Parents.OfType<Command>().FirstOrDefault() is { } parent and not RootCommand ? $"{CommandPath(parent)} {command.Name}" : $"kine {command.Name}";

    private static string WithTwoDashes(string arg) => arg.Length > 2 && arg[0] == '-' && char.IsAsciiLetter(arg[1]) ? "-" + arg : arg;

    private static CommandLineException Wrong(ParseResult parsed)
    {
        var unknown = parsed.UnmatchedTokens.FirstOrDefault();
        if (unknown is null)
            return new CommandLineException(parsed.Errors[0].Message.TrimEnd('.'));

        if (!unknown.StartsWith('-'))
            return new CommandLineException($"there is no command \"{unknown}\", and the server takes only flags");

        var name = unknown.TrimStart('-').Split('=')[0];
        return ServerFlags.Refused.Contains(name)
            ? RefusedFlag($"--{name}")
            : new CommandLineException($"there is no flag --{name}");
    }

    private static CommandLineException RefusedFlag(string name) => new($"{name} belongs to the t4 store, which this kine does not have");

    private ServerOptions ReadOptions(ParseResult parsed)
    {
        foreach (var name in ServerFlags.Refused)
        {
            var variable = "KINE_" + name.Replace('-', '_').ToUpperInvariant();
            if (!string.IsNullOrEmpty(_variables(variable)))
                throw RefusedFlag(variable);
        }

        return ServerFlags.All.Aggregate(new ServerOptions(), (options, flag) => flag.Set(options, parsed, _variables));
    }

    private sealed class RootHelp(KineCommand owner, SynchronousCommandLineAction? other) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            if (parseResult.CommandResult.Command != owner._root)
                return other?.Invoke(parseResult) ?? 0;

            owner._output.Write(HelpText.Server(owner._root.Subcommands));
            return 0;
        }
    }

    private sealed class PrintVersion(TextWriter output) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            output.WriteLine($"kine {Version}");
            return 0;
        }
    }
}
