using System.CommandLine;

namespace Kine.Host.Cli;

/// <summary>One flag of the server: its name, what it means, and where its value goes.</summary>
/// <param name="Name">Without the dashes, as upstream kine spells it.</param>
/// <param name="Group">Heading in the help.</param>
/// <param name="Default">Default value in text form; empty = none.</param>
/// <param name="Value">What the value is, for the help, for example DURATION; empty for a switch.</param>
/// <param name="Help">What it does, one line.</param>
/// <param name="Apply">Puts a value into the options; null when it is not a valid one.</param>
/// <param name="Expected">What a valid value is, the end of a sentence.</param>
internal sealed record ServerFlag(
    string Name, string Group, string Default, string Value, string Help, Func<ServerOptions, string, ServerOptions?> Apply, string Expected)
{
    private const string SwitchedOn = "true";

    /// <summary>Name of the variable that stands for the flag.</summary>
    public string Variable { get; } = "KINE_" + Name.Replace('-', '_').ToUpperInvariant();

    /// <summary>True when the flag may stand without a value.</summary>
    public bool IsSwitch => Value.Length == 0;

    /// <summary>True when an empty value has a meaning.</summary>
    public bool TakesEmpty { get; init; }

    /// <summary>The flag for the parser; it reads text, which <see cref="Apply"/> judges.</summary>
    public Option<string> Option => _option ??= new Option<string>("--" + Name)
    {
        Arity = IsSwitch ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
        Description = Help,
    };

    private Option<string>? _option;

    /// <summary>The options with this flag's value: from the command line, else from the variable, else the default.</summary>
    /// <exception cref="CommandLineException">The value is not valid.</exception>
    public ServerOptions Set(ServerOptions options, ParseResult parsed, Func<string, string?> variables)
    {
        if (parsed.GetResult(Option) is { Implicit: false } given)
            return Set(options, given.Tokens.Count == 0 ? SwitchedOn : given.Tokens[^1].Value, "--" + Name);

        if (variables(Variable) is { } variable && FlagText.Read(variable, Variable) is var text && (text.Length != 0 || TakesEmpty))
            return Set(options, text, Variable);

        return Set(options, Default, "the default of --" + Name);
    }

    private ServerOptions Set(ServerOptions options, string value, string source) =>
        Apply(options, value) ?? throw new CommandLineException($"{source} is \"{value}\", but it has to be {Expected}");
}
