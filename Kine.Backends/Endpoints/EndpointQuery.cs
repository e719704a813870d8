using System.Globalization;

namespace Kine.Backends.Endpoints;

/// <summary>
/// The parameters behind an endpoint's question mark, read as the Go drivers read them: <c>&amp;</c> between pairs, '+' is a space, the first
/// value of a name counts, and of two names for one setting the alias counts when both are given.
/// </summary>
internal sealed class EndpointQuery
{
    private readonly OrderedDictionary<string, string> _values = [];
    private readonly string _text;

    /// <summary>Reads the text behind the question mark. Throws <see cref="StoreRefusedException"/> where it is not well formed.</summary>
    public EndpointQuery(string text)
    {
        _text = text;
        foreach (var pair in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            if (pair.Contains(';'))
                throw new StoreRefusedException("an endpoint parameter contains a semicolon; separate parameters with &, and write ; as %3B");

            var equals = pair.IndexOf('=');
            var name = Unescape(equals < 0 ? pair : pair[..equals]);
            _values.TryAdd(name, equals < 0 ? "" : Unescape(pair[(equals + 1)..]));
        }
    }

    /// <summary>Names of the parameters, in the order of the text.</summary>
    public IEnumerable<string> Names => _values.Keys;

    /// <summary>True when the flag appears, with or without a value; upstream looks for it anywhere in the text.</summary>
    public bool Mentions(string flag) => _text.Contains(flag, StringComparison.Ordinal);

    /// <summary>The value, or null when it is absent or empty.</summary>
    /// <param name="name">Name of the parameter.</param>
    /// <param name="alias">Another name for it that goes before.</param>
    public string? Get(string name, string? alias = null)
    {
        var key = alias is not null && _values.ContainsKey(alias) ? alias : name;
        return _values.TryGetValue(key, out var value) && value.Length > 0 ? value : null;
    }

    /// <summary>The value in upper case, as which it must be one of the choices; null when absent.</summary>
    public string? OneOf(string[] choices, string name, string? alias = null)
    {
        if (Get(name, alias) is not { } value)
            return null;

        return choices.Contains(value.ToUpperInvariant())
            ? value.ToUpperInvariant()
            : throw new StoreRefusedException(
                $"endpoint parameter {name} cannot be \"{value}\"; it is one of {string.Join(", ", choices)}");
    }

    /// <summary>The value as a member of an enumeration, whose name it may write with hyphens; null when absent.</summary>
    public T? Choice<T>(string[] choices, string name, string? alias = null)
        where T : struct, Enum => Named<T>(choices, OneOf(choices, name, alias));

    /// <summary>The member of an enumeration that a text names; null when it is none of the choices.</summary>
    public static T? Named<T>(string[] choices, string? text)
        where T : struct, Enum =>
        choices.Contains(text?.ToUpperInvariant()) ? Enum.Parse<T>(text!.Replace("-", ""), ignoreCase: true) : null;

    /// <summary>The value as an integer; null when absent.</summary>
    public long? Integer(string name, string? alias = null)
    {
        if (Get(name, alias) is not { } value)
            return null;

        return long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new StoreRefusedException($"endpoint parameter {name} cannot be \"{value}\"; it is a whole number");
    }

    /// <summary>The value as a duration; null when absent.</summary>
    public TimeSpan? Duration(string name)
    {
        if (Get(name) is not { } value)
            return null;

        return GoDuration.TryParse(value, out var duration) && duration >= TimeSpan.Zero
            ? duration
            : throw new StoreRefusedException($"endpoint parameter {name} cannot be \"{value}\"; it is a duration such as 500ms, 5s or 1m30s");
    }

    /// <summary>A port number. Throws <see cref="StoreRefusedException"/> for anything else, without the text: it may be part of a password.</summary>
    public static int Port(ReadOnlySpan<char> text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= 65_535
            ? port
            : throw new StoreRefusedException(
                "a port of the endpoint is no number from 1 to 65535; special characters in user, password or token need percent-encoding, such as %2F for /");

    /// <summary>Text without its percent-encoding. Throws <see cref="StoreRefusedException"/> where that is not well formed.</summary>
    public static string Decode(string text)
    {
        for (var i = text.IndexOf('%'); i >= 0; i = text.IndexOf('%', i + 1))
        {
            if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                throw new StoreRefusedException("the endpoint has a % that is not followed by two hexadecimal digits; write % as %25");
        }
        return Uri.UnescapeDataString(text);
    }

    private static string Unescape(string text) => Decode(text.Replace('+', ' '));
}
