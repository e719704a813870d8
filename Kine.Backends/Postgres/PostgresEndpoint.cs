using System.Globalization;
using Kine.Backends.Endpoints;
using Kine.Backends.Identity;
using Npgsql;

namespace Kine.Backends.Postgres;

/// <summary>
/// Reads what follows <c>postgres://</c>: <c>user:password@host:port,host:port/database?parameters</c>, with the parameters and environment variables of the
/// Go driver that upstream kine uses (jackc/pgx). As there, a parameter it does not know is a setting of the session.
/// </summary>
internal static class PostgresEndpoint
{
    private const string Default = "postgres:postgres@localhost/";
    private const string DefaultDatabase = "kubernetes";
    private const string Encode = "; write / as %2F, ? as %3F and @ as %40 in user and password"; // the part in question may be one of these
    private const int DefaultPort = 5432;
    private const int DefaultMaxConnections = 20;
    private const int DefaultConnectTimeout = 5; // seconds
    private const int Forever = 10 * 365 * 86_400; // seconds
    private const int LeastConnections = 4; // appends, signs of life, and reads beside them

    private static readonly string[] SslModes = ["DISABLE", "ALLOW", "PREFER", "REQUIRE", "VERIFY-CA", "VERIFY-FULL"];
    private static readonly string[] GssEncryptions = ["DISABLE", "PREFER", "REQUIRE"];
    private static readonly string[] SslNegotiations = ["POSTGRES", "DIRECT"];
    private static readonly string[] Targets = ["ANY", "PRIMARY", "READ-WRITE"];
    private static readonly string[] QueryModes = ["CACHE_STATEMENT", "CACHE_DESCRIBE", "DESCRIBE_EXEC", "EXEC", "SIMPLE_PROTOCOL"];

    // Read by name below, or of no consequence here.
    private static readonly HashSet<string> Known =
    [
        "host", "port", "user", "password", "dbname", "database", "passfile", "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslsni",
        "sslnegotiation", "krbsrvname", "krb5_keytab", "krb5_ccache", "gssencmode", "application_name", "connect_timeout", "target_session_attrs", "search_path", "options", "default_query_exec_mode",
        "statement_cache_capacity", "description_cache_capacity", "min_read_buffer_size", "client_encoding",
    ];

    /// <summary>Options for what stands behind the scheme. Throws <see cref="StoreRefusedException"/> with a sentence without secrets.</summary>
    /// <param name="rest">Servers, database and parameters.</param>
    /// <param name="settings">What flags say.</param>
    /// <param name="environment">Environment variables; null = the process's.</param>
    public static PostgresOptions Parse(string rest, StoreSettings settings, Func<string, string?>? environment = null)
    {
        environment ??= Environment.GetEnvironmentVariable;
        if (rest.Length == 0)
            rest = Default;

        var mark = rest.IndexOf('?');
        var query = new EndpointQuery(mark < 0 ? "" : rest[(mark + 1)..]);
        var place = mark < 0 ? rest : rest[..mark];
        var slash = place.IndexOf('/');
        var authority = slash < 0 ? place : place[..slash];
        var path = slash < 0 ? "" : EndpointQuery.Decode(place[(slash + 1)..]);
        var at = authority.LastIndexOf('@');
        (var user, var password) = UserInfo(at < 0 ? "" : authority[..at]);
        if (place.IndexOf('@', at + 1) >= 0 || query.Names.Any(name => name.Contains('@')))
            throw new StoreRefusedException($"the endpoint has an @ behind its hosts{Encode}");

        Refuse(query);

        string? Setting(string name, string variable) => query.Get(name) ?? (environment(variable) is { Length: > 0 } value ? value : null);
        var database = query.Get("dbname", "database") ?? path;
        var hosts = query.Get("host") ?? (authority.Length > at + 1 ? authority[(at + 1)..] : environment("PGHOST") ?? "");
        var login = query.Get("user") ?? user ?? Setting("user", "PGUSER") ?? Environment.UserName;
        var kerberos = KerberosLogin.From(login, Text(query, "krb5_keytab"), Text(query, "krb5_ccache"), environment);
        var idle = settings.ConnectionMaxIdleTime > TimeSpan.Zero ? Seconds(settings.ConnectionMaxIdleTime) : Forever;
        var connection = new NpgsqlConnectionStringBuilder
        {
            // Unquoted names are lower case in PostgreSQL, and so upstream makes this one.
            Database = database.Length == 0 ? DefaultDatabase : database.ToLowerInvariant(),
            Username = kerberos?.Role ?? login,
            Password = query.Get("password") ?? password,
            Passfile = query.Get("passfile"),
            GssEncryptionMode = query.Choice<GssEncryptionMode>(GssEncryptions, "gssencmode") ?? GssEncryptionMode.Disable,
            KerberosServiceName = query.Get("krbsrvname") ?? "postgres",
            ApplicationName = Setting("application_name", "PGAPPNAME") ?? "kine",
            SearchPath = query.Get("search_path"),
            Options = SessionOptions(query, environment),
            Timeout = ConnectTimeout(Setting("connect_timeout", "PGCONNECT_TIMEOUT")),
            Pooling = settings.MaxIdleConnections >= 0,
            MaxPoolSize = settings.MaxOpenConnections > 0 ? Math.Max(settings.MaxOpenConnections, LeastConnections) : DefaultMaxConnections,
            ConnectionIdleLifetime = idle,
            ConnectionPruningInterval = Math.Min(idle, 10),
            ConnectionLifetime = Seconds(settings.ConnectionMaxLifetime),
        };
        Secure(query, settings, environment, connection);
        return WithTokens(settings, query, new PostgresOptions
        {
            Hosts = Hosts(hosts, Setting("port", "PGPORT")),
            Connection = connection,
            Kerberos = kerberos,
            Target = query.Choice<TargetSessionAttributes>(Targets, "target_session_attrs")
                ?? EndpointQuery.Named<TargetSessionAttributes>(Targets, environment("PGTARGETSESSIONATTRS"))
                ?? TargetSessionAttributes.Primary,
            Prepare = query.Integer("statement_cache_capacity") == 0 ? false
                : query.OneOf(QueryModes, "default_query_exec_mode") is { } mode ? mode == "CACHE_STATEMENT" : null,
            Settings = settings,
        });
    }

    private static int Seconds(TimeSpan time) => (int)Math.Clamp(Math.Ceiling(time.TotalSeconds), 0, int.MaxValue / 1000);

    // Absent is something else than empty.
    private static string? Text(EndpointQuery query, string name) => query.Names.Contains(name) ? query.Get(name) ?? "" : null;

    // A token is as good as a password to whoever reads it on its way.
    private static PostgresOptions WithTokens(StoreSettings settings, EndpointQuery query, PostgresOptions options)
    {
        if (IdentityProvider.From(settings) is not { } identity)
            return options;

        if (options.Hosts.Any(host => host.Name.StartsWith('/')))
            throw new StoreRefusedException($"identity provider {settings.IdentityProvider} is for servers in the network, not for a Unix socket");

        if (query.Get("sslmode")?.ToUpperInvariant() == "DISABLE")
            throw new StoreRefusedException($"sslmode=disable cannot go with identity provider {settings.IdentityProvider}: its tokens have to be encrypted on their way");

        var connection = options.Connection;
        var passwords = options.Hosts.Distinct().ToDictionary(host => host, host => identity.PasswordFor(host.Name, host.Port, connection.Username!));
        connection.Password = null;
        connection.SslMode = connection.SslMode is SslMode.VerifyCA or SslMode.VerifyFull ? connection.SslMode : SslMode.Require;
        return options with { PasswordProvider = (host, cancellation) => passwords[host](cancellation) };
    }

    private static void Refuse(EndpointQuery query)
    {
        if (query.Get("target_session_attrs")?.ToUpperInvariant() is "STANDBY" or "PREFER-STANDBY" or "READ-ONLY")
            throw new StoreRefusedException("target_session_attrs must be any, primary or read-write: the server has to write");

        if (query.Get("service") is not null || query.Get("servicefile") is not null)
            throw new StoreRefusedException("endpoint parameter service is not supported; name host, database and user in the endpoint");

        if (query.Get("client_encoding") is { } encoding && encoding.Replace("-", "", StringComparison.Ordinal).ToUpperInvariant() is not ("UTF8" or "AUTO"))
            throw new StoreRefusedException("endpoint parameter client_encoding is not supported: keys and values are bytes, and the rest is UTF-8");
    }

    // Flags count where the endpoint says nothing else, and ask for verify-full, as upstream has it.
    private static void Secure(EndpointQuery query, StoreSettings settings, Func<string, string?> environment, NpgsqlConnectionStringBuilder connection)
    {
        var root = query.Get("sslrootcert") ?? Given(settings.CaFile) ?? environment("PGSSLROOTCERT") ?? UsersRoot(environment("HOME"));
        var certificate = query.Get("sslcert") ?? Given(settings.CertFile);
        var key = query.Get("sslkey") ?? Given(settings.KeyFile);
        var flags = settings.CaFile.Length > 0 || settings.CertFile.Length > 0 || settings.KeyFile.Length > 0;
        var asked = query.Choice<SslMode>(SslModes, "sslmode");
        var mode = asked
            ?? (settings.SkipVerify ? SslMode.Require : flags ? SslMode.VerifyFull : null as SslMode?)
            ?? EndpointQuery.Named<SslMode>(SslModes, environment("PGSSLMODE")) ?? SslMode.Prefer;
        // libpq: a CA beside sslmode=require asks for its check, and "system" is the system's store.
        if (mode == SslMode.Require && root is not null && (asked is not null || !settings.SkipVerify))
            mode = SslMode.VerifyCA;

        if (root == "system")
            (mode, root) = (SslMode.VerifyFull, null);

        connection.SslMode = mode;
        connection.RootCertificate = mode is SslMode.VerifyCA or SslMode.VerifyFull ? root : null;
        if (mode != SslMode.Disable)
            (connection.SslCertificate, connection.SslKey, connection.SslPassword) = (certificate, key, query.Get("sslpassword"));

        if (query.Choice<SslNegotiation>(SslNegotiations, "sslnegotiation") is { } negotiation)
            connection.SslNegotiation = negotiation;
    }

    // libpq's own place for it.
    private static string? UsersRoot(string? home)
    {
        var file = home is null ? null : Path.Combine(home, ".postgresql", "root.crt");
        return File.Exists(file) ? file : null;
    }

    private static string? Given(string text) => text.Length > 0 ? text : null;

    private static (string? User, string? Password) UserInfo(string text)
    {
        if (text.Length == 0)
            return (null, null);

        var colon = text.IndexOf(':');
        return colon < 0 ? (Given(EndpointQuery.Decode(text)), null) : (Given(EndpointQuery.Decode(text[..colon])), Given(EndpointQuery.Decode(text[(colon + 1)..])));
    }

    // One port for all, one for each, or none; as libpq has it.
    private static PostgresHost[] Hosts(string text, string? ports)
    {
        var names = text.Length == 0 ? ["localhost"] : text.Split(',');
        var numbers = ports?.Split(',') ?? [];
        if (numbers.Length > 1 && numbers.Length != names.Length)
            throw new StoreRefusedException($"the endpoint names {names.Length} hosts and {numbers.Length} ports");

        return [.. names.Select((name, i) => Host(name, numbers.Length switch { 0 => null, 1 => numbers[0], _ => numbers[i] }))];
    }

    private static PostgresHost Host(string text, string? port)
    {
        var end = text.StartsWith('[') ? text.IndexOf(']') : -1;
        var name = end > 0 ? text[1..end] : text;
        var tail = end > 0 ? text[(end + 1)..] : "";
        if (end < 0 && text.LastIndexOf(':') is var colon and >= 0)
            (name, tail) = (text[..colon], text[colon..]);

        if (tail.StartsWith(':') && tail.Length > 1)
            port = tail[1..];

        if (name.Length == 0)
            name = "localhost";

        return new PostgresHost(EndpointQuery.Decode(name), port is { Length: > 0 } ? EndpointQuery.Port(port) : DefaultPort);
    }

    private static int ConnectTimeout(string? text)
    {
        if (text is null)
            return DefaultConnectTimeout;

        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= 1024
            ? seconds
            : throw new StoreRefusedException($"connect_timeout cannot be \"{text}\"; it is a number of seconds up to 1024");
    }

    private static string? SessionOptions(EndpointQuery query, Func<string, string?> environment)
    {
        var given = query.Get("options") ?? environment("PGOPTIONS") ?? "";
        var others = query.Names.Where(name => !Known.Contains(name)).Order(StringComparer.Ordinal)
            .Select(name => $"-c {name}={Escape(query.Get(name) ?? "")}");
        var all = string.Join(' ', others.Prepend(given)).Trim();
        return all.Length > 0 ? all : null;
    }

    // In libpq's options a backslash keeps the space after it inside a value.
    private static string Escape(string value) => value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(" ", "\\ ", StringComparison.Ordinal);
}
