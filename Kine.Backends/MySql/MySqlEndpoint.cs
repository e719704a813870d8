using System.Text.RegularExpressions;
using Kine.Backends.Endpoints;
using Kine.Backends.Identity;

namespace Kine.Backends.MySql;

/// <summary>
/// Reads what follows <c>mysql://</c>: a data source name of go-sql-driver, <c>user:password@tcp(host:port)/database?parameters</c> or
/// <c>user:password@unix(/path)/database</c>. Nothing at all is root on the local socket, or on 127.0.0.1 with the flags for TLS. Parameters that only concern
/// that driver's own types or buffers are ignored; those it does not know are session variables.
/// </summary>
internal static partial class MySqlEndpoint
{
    private const string DefaultSocket = "/var/run/mysqld/mysqld.sock"; // upstream kine's
    private const string DriverSocket = "/tmp/mysql.sock"; // the driver's, for unix without a path
    private const string DefaultDatabase = "kubernetes";
    private const int DefaultPort = 3306;

    // They change nothing here: results are bytes and numbers, and the store sets its own character set, statements and packets.
    private static readonly HashSet<string> Ignored =
    [
        "allowAllFiles", "allowFallbackToPlaintext", "allowOldPasswords", "charset", "checkConnLiveness", "clientFoundRows", "collation", "columnsWithAlias", "compress",
        "connectionAttributes", "interpolateParams", "loc", "maxAllowedPacket", "multiStatements", "parseTime", "rejectReadOnly", "timeTruncate",
    ];

    // What makes an append atomic and its bytes exact is not the endpoint's to change.
    private static readonly HashSet<string> Fixed = new(StringComparer.OrdinalIgnoreCase)
    {
        "autocommit", "sql_mode", "transaction_isolation", "tx_isolation", "character_set_client", "character_set_connection", "character_set_results",
        "collation_connection", "innodb_lock_wait_timeout", "lock_wait_timeout",
    };

    /// <summary>Options for what stands behind the scheme. Throws <see cref="StoreRefusedException"/>, whose text never holds the password.</summary>
    public static MySqlOptions Parse(string rest, StoreSettings settings)
    {
        var flags = settings.CaFile.Length > 0 || settings.CertFile.Length > 0 || settings.KeyFile.Length > 0;
        if (rest.Length == 0)
            rest = flags ? "root@tcp(127.0.0.1)/" : $"root@unix({DefaultSocket})/";

        var options = Address(rest, out var parameters) with { Settings = settings };
        var query = new EndpointQuery(parameters);
        options = WithParameters(options, query, flags);
        if (flags)
            options = options with { Tls = settings.SkipVerify ? MySqlTls.SkipVerify : MySqlTls.Verify };

        return IdentityProvider.From(settings) is { } identity ? WithTokens(options, settings, query, identity) : options;
    }

    // The clouds' plugins have the client hand over the token itself, and the client library would do so without TLS too, unless it must verify the server.
    private static MySqlOptions WithTokens(MySqlOptions options, StoreSettings settings, EndpointQuery query, IdentityProvider identity)
    {
        if (options.Socket.Length > 0)
            throw new StoreRefusedException($"identity provider {settings.IdentityProvider} is for servers in the network, tcp(host:port), not for a Unix socket");

        if (settings.SkipVerify || (query.Get("tls") is { } tls && Tls(tls) != MySqlTls.Verify))
        {
            throw new StoreRefusedException(
                $"with identity provider {settings.IdentityProvider} the server has to prove who it is before it gets a token: leave tls at true, without --skip-verify, and name its CA with --ca-file");
        }
        return options with
        {
            Tls = MySqlTls.Verify,
            AllowCleartextPasswords = true,
            Password = "",
            PasswordProvider = identity.PasswordFor(options.Host, options.Port, options.User),
        };
    }

    private static MySqlOptions Address(string name, out string parameters)
    {
        var slash = name.LastIndexOf('/');
        if (slash < 0)
            throw new StoreRefusedException("a mysql:// endpoint needs a slash before the name of the database, such as mysql://user:password@tcp(host:3306)/kubernetes");

        var mark = name.IndexOf('?', slash);
        var database = Uri.UnescapeDataString(mark < 0 ? name[(slash + 1)..] : name[(slash + 1)..mark]);
        parameters = mark < 0 ? "" : name[(mark + 1)..];

        var before = name[..slash];
        var at = before.LastIndexOf('@');
        var who = at < 0 ? "" : before[..at];
        var colon = who.IndexOf(':');
        var options = new MySqlOptions
        {
            User = colon < 0 ? who : who[..colon],
            Password = colon < 0 ? "" : who[(colon + 1)..],
            Database = database.Length == 0 ? DefaultDatabase : database,
        };
        return Place(options, before[(at + 1)..]);
    }

    private static MySqlOptions Place(MySqlOptions options, string text)
    {
        var open = text.IndexOf('(');
        if (open >= 0 && !text.EndsWith(')'))
            throw new StoreRefusedException("the address of a mysql:// endpoint stands in parentheses, such as tcp(host:3306) or unix(/path/mysqld.sock)");

        var network = open < 0 ? text : text[..open];
        var address = open < 0 ? "" : text[(open + 1)..^1];
        return network switch
        {
            "unix" => options with { Socket = address.Length == 0 ? DriverSocket : address },
            "" or "tcp" => OfTcp(options, address),
            _ => throw new StoreRefusedException(
                "the address of a mysql:// endpoint is tcp(host:port) or unix(/path); a bare host name must be put into parentheses, such as tcp(host)"),
        };
    }

    private static MySqlOptions OfTcp(MySqlOptions options, string address)
    {
        if (address.Length == 0)
            return options;

        var colon = address.LastIndexOf(':');
        var bare = address[0] != '[' && colon != address.IndexOf(':'); // an IPv6 address without brackets
        var hasPort = !bare && colon > address.LastIndexOf(']');
        var host = (hasPort ? address[..colon] : address).Trim('[', ']');
        var port = hasPort ? EndpointQuery.Port(address.AsSpan(colon + 1)) : DefaultPort;
        return options with { Host = host.Length == 0 ? "127.0.0.1" : host, Port = port };
    }

    private static MySqlOptions WithParameters(MySqlOptions options, EndpointQuery query, bool flags)
    {
        foreach (var name in query.Names)
        {
            options = name switch
            {
                "tls" => options with { Tls = flags ? options.Tls : Tls(query.Get(name) ?? "") },
                "allowCleartextPasswords" => options with { AllowCleartextPasswords = Switch(query, name) },
                "allowNativePasswords" => options with { AllowNativePasswords = Switch(query, name) },
                "timeout" => options with { ConnectTimeout = Time(query, name) },
                "readTimeout" => options with { ReadTimeout = Time(query, name) },
                "writeTimeout" when Time(query, name) >= TimeSpan.Zero => options, // the wait for the answer bounds the sending too
                "serverPubKey" => throw new StoreRefusedException("endpoint parameter serverPubKey is not supported: it names a key that only a Go program can register"),
                _ when Ignored.Contains(name) || Fixed.Contains(name) => options,
                _ => options with { SessionVariables = [.. options.SessionVariables, Variable(name, query.Get(name) ?? "")] },
            };
        }
        return options;
    }

    private static MySqlTls Tls(string value) => value switch
    {
        "1" or "true" or "TRUE" or "True" => MySqlTls.Verify,
        "0" or "false" or "FALSE" or "False" or "" => MySqlTls.Off,
        _ when value.Equals("skip-verify", StringComparison.OrdinalIgnoreCase) => MySqlTls.SkipVerify,
        _ when value.Equals("preferred", StringComparison.OrdinalIgnoreCase) => MySqlTls.Preferred,
        _ => throw new StoreRefusedException(
            $"endpoint parameter tls cannot be \"{value}\"; it is true, false, skip-verify or preferred, and a CA or certificate of your own comes with --ca-file, --cert-file and --key-file"),
    };

    private static bool Switch(EndpointQuery query, string name) => query.Get(name) switch
    {
        "1" or "true" or "TRUE" or "True" => true,
        "0" or "false" or "FALSE" or "False" => false,
        var value => throw new StoreRefusedException($"endpoint parameter {name} cannot be \"{value}\"; it is true or false"),
    };

    private static TimeSpan Time(EndpointQuery query, string name) =>
        query.Duration(name) ?? throw new StoreRefusedException($"endpoint parameter {name} has no value; it is a duration such as 5s or 1m30s");

    private static string Variable(string name, string value) => VariableName().IsMatch(name) && value.Length > 0 && !value.Contains(';')
        ? $"{name}={value}"
        : throw new StoreRefusedException($"endpoint parameter \"{name}\" is neither one of the driver's nor a session variable with a value");

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex VariableName();
}
