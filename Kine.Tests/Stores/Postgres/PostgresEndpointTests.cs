using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Postgres;
using Kine.Backends.Stores;
using Npgsql;

namespace Kine.Tests.Stores.Postgres;

/// <summary>Endpoint forms of upstream kine and of the driver it uses keep their meaning.</summary>
public class PostgresEndpointTests
{
    private static readonly StoreSettings Plain = new();

    [Theory]
    [InlineData("", "postgres:postgres@localhost:5432/kubernetes")]
    [InlineData("localhost", "me:@localhost:5432/kubernetes")]
    [InlineData("h/", "me:@h:5432/kubernetes")]
    [InlineData("user@h/db", "user:@h:5432/db")]
    [InlineData("user:pa%40ss%2Fw@h:5433/db", "user:pa@ss/w@h:5433/db")]
    [InlineData("user:p@ss@h/db", "user:p@ss@h:5432/db")]
    [InlineData("user:pass@/db", "user:pass@localhost:5432/db")]
    [InlineData("u:p@h/Kine_DB", "u:p@h:5432/kine_db")]
    [InlineData("u:p@h/my%20db", "u:p@h:5432/my db")]
    [InlineData("u:p@h1,h2/db", "u:p@h1:5432,h2:5432/db")]
    [InlineData("u:p@h1:5433,h2:5434/db", "u:p@h1:5433,h2:5434/db")]
    [InlineData("u:p@h1,h2:5434/db?port=6000", "u:p@h1:6000,h2:5434/db")]
    [InlineData("u:p@[::1]:5433,[fe80::2]/db", "u:p@[::1]:5433,[fe80::2]:5432/db")]
    [InlineData("/db?host=/var/run/postgresql", "me:@/var/run/postgresql:5432/db")]
    [InlineData("%2Fvar%2Frun%2Fpostgresql/db", "me:@/var/run/postgresql:5432/db")]
    [InlineData("u:p@h/db?host=a,b&port=1,2", "u:p@a:1,b:2/db")]
    [InlineData("h/db?user=eve&password=x%26y", "eve:x&y@h:5432/db")]
    [InlineData("u@h/?dbname=Other", "u:@h:5432/other")]
    public void Servers_roles_and_database_are_read_as_upstream_reads_them(string rest, string expected)
    {
        var options = Parse(rest);
        var connection = options.Connection;
        Assert.Equal(expected, $"{connection.Username}:{connection.Password}@{string.Join(',', options.Hosts)}/{connection.Database}");
    }

    public static TheoryData<string, string, SslMode, string?, string?, string?> Encryption => new()
    {
        { "", "", SslMode.Prefer, null, null, null },
        { "sslmode=disable&sslcert=c&sslkey=k", "", SslMode.Disable, null, null, null },
        { "sslmode=allow", "", SslMode.Allow, null, null, null },
        { "sslmode=require", "", SslMode.Require, null, null, null },
        { "sslmode=require&sslrootcert=r", "", SslMode.VerifyCA, "r", null, null },
        { "sslmode=verify-ca&sslrootcert=r", "", SslMode.VerifyCA, "r", null, null },
        { "sslmode=verify-full&sslcert=c&sslkey=k&sslrootcert=r", "", SslMode.VerifyFull, "r", "c", "k" },
        { "sslrootcert=system", "", SslMode.VerifyFull, null, null, null },
        { "sslcert=c&sslkey=k", "", SslMode.Prefer, null, "c", "k" },
        { "", "ca", SslMode.VerifyFull, "CA", null, null },
        { "", "ca cert key", SslMode.VerifyFull, "CA", "CERT", "KEY" },
        { "", "cert key", SslMode.VerifyFull, null, "CERT", "KEY" },
        { "sslmode=verify-ca", "ca", SslMode.VerifyCA, "CA", null, null },
        { "sslrootcert=r", "ca cert key", SslMode.VerifyFull, "r", "CERT", "KEY" },
        { "sslmode=disable", "ca cert key", SslMode.Disable, null, null, null },
        { "", "skip", SslMode.Require, null, null, null },
        { "", "skip ca cert key", SslMode.Require, null, "CERT", "KEY" },
        { "sslmode=verify-full", "skip ca", SslMode.VerifyFull, "CA", null, null },
    };

    [Theory]
    [MemberData(nameof(Encryption))]
    public void Flags_ask_for_a_verified_server_unless_the_endpoint_says_otherwise(
        string parameters, string flags, SslMode mode, string? root, string? certificate, string? key)
    {
        var options = Parse($"h/db?{parameters}", new StoreSettings
        {
            CaFile = flags.Contains("ca") ? "CA" : "",
            CertFile = flags.Contains("cert") ? "CERT" : "",
            KeyFile = flags.Contains("key") ? "KEY" : "",
            SkipVerify = flags.Contains("skip"),
        }).Connection;
        Assert.Equal((mode, root, certificate, key), (options.SslMode, options.RootCertificate, options.SslCertificate, options.SslKey));
    }

    [Fact]
    public void Parameters_of_the_go_driver_and_of_libpq_have_their_meaning()
    {
        var options = Parse(
            "h/db?application_name=cp1&connect_timeout=7&target_session_attrs=read-write&search_path=a,b&passfile=/p&krbsrvname=pg&sslpassword=q"
            + "&sslnegotiation=direct&statement_cache_capacity=100&min_read_buffer_size=1&client_encoding=UTF8");
        var connection = options.Connection;
        Assert.Equal(("cp1", 7), (connection.ApplicationName, connection.Timeout));
        Assert.Equal(TargetSessionAttributes.ReadWrite, options.Target);
        Assert.Equal(("a,b", "/p", "pg", "q"), (connection.SearchPath, connection.Passfile, connection.KerberosServiceName, connection.SslPassword));
        Assert.Equal(SslNegotiation.Direct, connection.SslNegotiation);
        Assert.Null(connection.Options);
        Assert.Null(options.Prepare);
    }

    [Theory]
    [InlineData("default_query_exec_mode=exec", false)]
    [InlineData("default_query_exec_mode=simple_protocol", false)]
    [InlineData("default_query_exec_mode=cache_statement", true)]
    [InlineData("statement_cache_capacity=0", false)]
    public void Whether_statements_are_prepared_can_be_said(string parameters, bool expected) => Assert.Equal(expected, Parse($"h/db?{parameters}").Prepare);

    [Theory]
    [InlineData("work_mem=64MB", "-c work_mem=64MB")]
    [InlineData("options=-c%20geqo%3Doff&work_mem=1MB", "-c geqo=off -c work_mem=1MB")]
    [InlineData("statement_timeout=60000&role=kine%20writer", "-c role=kine\\ writer -c statement_timeout=60000")]
    public void Other_parameters_are_settings_of_the_session(string parameters, string expected) =>
        Assert.Equal(expected, Parse($"h/db?{parameters}").Connection.Options);

    [Fact]
    public void Pool_flags_keep_their_meaning()
    {
        var usual = Parse("h/db").Connection;
        Assert.Equal((20, true, 120, 0), (usual.MaxPoolSize, usual.Pooling, usual.ConnectionIdleLifetime, usual.ConnectionLifetime));
        var set = Parse("h/db", new StoreSettings
        {
            MaxOpenConnections = 50,
            MaxIdleConnections = -1,
            ConnectionMaxIdleTime = TimeSpan.FromSeconds(30),
            ConnectionMaxLifetime = TimeSpan.FromHours(1),
        }).Connection;
        Assert.Equal((50, false, 30, 3600), (set.MaxPoolSize, set.Pooling, set.ConnectionIdleLifetime, set.ConnectionLifetime));
        Assert.Equal(4, Parse("h/db", new StoreSettings { MaxOpenConnections = 1 }).Connection.MaxPoolSize);
        var years = Parse("h/db", new StoreSettings { ConnectionMaxIdleTime = TimeSpan.FromSeconds(-1) }).Connection.ConnectionIdleLifetime / 86_400 / 365;
        Assert.Equal(10, years); // never
    }

    [Fact]
    public void The_usual_environment_variables_fill_what_the_endpoint_leaves_open()
    {
        var environment = new Dictionary<string, string>
        {
            ["PGHOST"] = "envhost",
            ["PGPORT"] = "7000",
            ["PGUSER"] = "envuser",
            ["PGSSLMODE"] = "verify-full",
            ["PGSSLROOTCERT"] = "envroot",
            ["PGAPPNAME"] = "envname",
            ["PGCONNECT_TIMEOUT"] = "9",
            ["PGTARGETSESSIONATTRS"] = "any",
            ["PGOPTIONS"] = "-c geqo=off",
        };
        var open = PostgresEndpoint.Parse("/db", Plain, environment.GetValueOrDefault);
        Assert.Equal("envuser@envhost:7000/db", $"{open.Connection.Username}@{open.Hosts[0]}/{open.Connection.Database}");
        Assert.Equal((SslMode.VerifyFull, "envname", 9), (open.Connection.SslMode, open.Connection.ApplicationName, open.Connection.Timeout));
        Assert.Equal("envroot", open.Connection.RootCertificate);
        environment["PGSSLMODE"] = "require";
        var required = PostgresEndpoint.Parse("/db?sslrootcert=own", Plain, environment.GetValueOrDefault).Connection;
        Assert.Equal((SslMode.VerifyCA, "own"), (required.SslMode, required.RootCertificate));
        Assert.Equal((TargetSessionAttributes.Any, "-c geqo=off"), (open.Target, open.Connection.Options));

        var said = PostgresEndpoint.Parse("u@h:1/db?sslmode=disable&application_name=a", Plain, environment.GetValueOrDefault);
        Assert.Equal("u@h:1/db", $"{said.Connection.Username}@{said.Hosts[0]}/{said.Connection.Database}");
        Assert.Equal((SslMode.Disable, "a"), (said.Connection.SslMode, said.Connection.ApplicationName));
    }

    [Theory]
    [InlineData("postgres://u:secret@h:port/db", "port")]
    [InlineData("postgres://u:secret@h:0/db", "port")]
    [InlineData("postgres://u:se%cret@h/db", "%25")]
    [InlineData("postgres://u:secret@a,b/db?port=1,2,3", "3 ports")]
    [InlineData("postgres://u:secret@h/db?sslmode=maybe", "sslmode")]
    [InlineData("postgres://u:secret@h/db?connect_timeout=soon", "connect_timeout")]
    [InlineData("postgres://u:secret@h/db?target_session_attrs=standby", "target_session_attrs")]
    [InlineData("postgres://u:secret@h/db?service=x", "service")]
    [InlineData("postgres://u:secret@h/db?client_encoding=latin1", "client_encoding")]
    [InlineData("postgres://u:secret@h/db?statement_cache_capacity=many", "statement_cache_capacity")]
    public void What_cannot_work_is_refused_with_a_sentence_that_names_it_and_no_secret(string endpoint, string reason)
    {
        var refused = Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse(endpoint));
        Assert.Contains(reason, refused.Message);
        Assert.DoesNotContain("secret", refused.Message);
    }

    [Theory]
    [InlineData("postgres://u:secret@h1,h2:7/db?sslpassword=secret", "postgres h1:5432,h2:7/db")]
    [InlineData("postgresql://u:secret@h/db", "postgres h:5432/db")]
    public void A_store_describes_itself_without_secrets(string endpoint, string description)
    {
        var parsed = StoreEndpoint.Parse(endpoint);
        Assert.Equal(("postgres", description, description), (parsed.Scheme, parsed.Create().Description, parsed.Postgres!.ToString()));
    }

    private static PostgresOptions Parse(string rest, StoreSettings? settings = null) =>
        PostgresEndpoint.Parse(rest, settings ?? Plain, name => name == "PGUSER" ? "me" : null);
}
