using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.MySql;
using Kine.Backends.Stores;

namespace Kine.Tests.Stores.MySql;

/// <summary>Endpoint forms of upstream kine, which are go-sql-driver's, keep their meaning, and what cannot work is refused with a sentence.</summary>
public sealed class MySqlEndpointTests
{
    private static readonly MySqlOptions Tcp = new() { User = "" };
    private static readonly MySqlOptions Account = new() { Host = "db", User = "u", Password = "p" };

    public static TheoryData<string, MySqlOptions> Accepted => new()
    {
        { "mysql://", new() { Socket = "/var/run/mysqld/mysqld.sock", User = "root" } },
        { "mysql:///", Tcp },
        { "mysql:///db", Tcp with { Database = "db" } },
        { "mysql://root@tcp(127.0.0.1)/", Tcp with { User = "root" } },
        { "mysql://u:p@tcp(db)/", Account },
        { "mysql://u:p@tcp(db:3307)/kine", Account with { Port = 3307, Database = "kine" } },
        { "mysql://u:p@(db:3307)/kine", Account with { Port = 3307, Database = "kine" } },
        { "mysql://u:p@tcp/kine", Account with { Host = "127.0.0.1", Database = "kine" } },
        { "mysql://u:p@/kine", Account with { Host = "127.0.0.1", Database = "kine" } },
        { "mysql://u@tcp(:3307)/", Tcp with { User = "u", Port = 3307 } },
        { "mysql://u:p@tcp([::1]:3307)/", Account with { Host = "::1", Port = 3307 } },
        { "mysql://u:p@tcp([de:ad:be:ef::ca:fe])/", Account with { Host = "de:ad:be:ef::ca:fe" } },
        { "mysql://u:p@tcp(::1)/", Account with { Host = "::1" } },
        { "mysql://u:p@unix(/run/my.sock)/kine", new() { Socket = "/run/my.sock", User = "u", Password = "p", Database = "kine" } },
        { "mysql://u@unix/kine", new() { Socket = "/tmp/mysql.sock", User = "u", Database = "kine" } },
        { "mysql://u:p@a:s/s@w(o)r?d@tcp(db)/", Account with { Password = "p@a:s/s@w(o)r?d" } },
        { "mysql://u:p@tcp(db)/my%2Fdb", Account with { Database = "my/db" } },
        { "mysql://u:p@tcp(db)/?tls=true", Account with { Tls = MySqlTls.Verify } },
        { "mysql://u:p@tcp(db)/?tls=false", Account },
        { "mysql://u:p@tcp(db)/?tls=skip-verify", Account with { Tls = MySqlTls.SkipVerify } },
        { "mysql://u:p@tcp(db)/?tls=Preferred", Account with { Tls = MySqlTls.Preferred } },
        {
            "mysql://u:p@tcp(db)/?timeout=90s&readTimeout=1m30s&writeTimeout=500ms",
            Account with { ConnectTimeout = TimeSpan.FromSeconds(90), ReadTimeout = TimeSpan.FromSeconds(90) }
        },
        {
            "mysql://u:p@tcp(db)/?allowCleartextPasswords=1&allowNativePasswords=false",
            Account with { AllowCleartextPasswords = true, AllowNativePasswords = false }
        },
        {
            "mysql://u:p@tcp(db)/?charset=utf8mb4,utf8&collation=utf8mb4_general_ci&parseTime=true&loc=Local&interpolateParams=true&maxAllowedPacket=0&clientFoundRows=true",
            Account
        },
        { "mysql://u:p@tcp(db)/?autocommit=true&sql_mode=%27ANSI%27&tx_isolation=%27SERIALIZABLE%27", Account },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void Mysql_endpoints_mean_what_they_mean_upstream(string endpoint, MySqlOptions expected)
    {
        var parsed = StoreEndpoint.Parse(endpoint);
        Assert.Equal("mysql", parsed.Scheme);
        Assert.Empty(parsed.MySql!.SessionVariables);
        Assert.Equal(expected, parsed.MySql with { SessionVariables = expected.SessionVariables });
    }

    [Fact]
    public void Parameters_that_the_driver_does_not_know_are_session_variables() => Assert.Equal(
        ["time_zone='+00:00'", "net_write_timeout=6000"],
        StoreEndpoint.Parse("mysql://u@tcp(h)/d?time_zone=%27%2B00:00%27&tls=false&net_write_timeout=6000").MySql!.SessionVariables);

    [Fact]
    public void The_flags_for_the_database_s_tls_go_before_the_endpoint_s()
    {
        var flags = new StoreSettings { CaFile = "/ca.pem" };
        var options = Parse("mysql://u@tcp(h)/d?tls=skip-verify", flags);
        Assert.Equal((MySqlTls.Verify, "/ca.pem"), (options.Tls, options.Settings.CaFile));
        Assert.Equal(MySqlTls.SkipVerify, Parse("mysql://u@tcp(h)/d?tls=kine", flags with { SkipVerify = true }).Tls);
        options = Parse("mysql://", new StoreSettings { CertFile = "/c.pem", KeyFile = "/k.pem" });
        Assert.Equal(("127.0.0.1", "root", ""), (options.Host, options.User, options.Socket));
        Assert.Equal(("/c.pem", "/k.pem"), (options.Settings.CertFile, options.Settings.KeyFile));
        Assert.Equal(MySqlTls.Off, Parse("mysql://u@tcp(h)/d", new StoreSettings { SkipVerify = true }).Tls);
    }

    [Theory]
    [InlineData(0, 20, 4, true)]
    [InlineData(1, 20, 1, true)]
    [InlineData(3, 1, 2, true)]
    [InlineData(100, 0, 4, true)]
    [InlineData(0, -1, 4, false)]
    public void The_flags_for_connections_are_kept_with_one_connection_for_the_writer(int open, int idle, int readers, bool keepIdle)
    {
        var options = Parse("mysql://", new StoreSettings { MaxOpenConnections = open, MaxIdleConnections = idle });
        Assert.Equal((readers, keepIdle), (options.Readers, options.KeepIdle));
    }

    [Theory]
    [InlineData("mysql://u:secret@tcp(h)", "slash")]
    [InlineData("mysql://u:secret@tcp(h/d", "parentheses")]
    [InlineData("mysql://u:secret@h:3306/d", "parentheses")]
    [InlineData("mysql://u:secret@tcp(h:none)/d", "port")]
    [InlineData("mysql://u:secret@tcp(h:70000)/d", "port")]
    [InlineData("mysql://u:secret@tcp(h)/d?tls=custom", "--ca-file")]
    [InlineData("mysql://u:secret@tcp(h)/d?timeout=5", "timeout")]
    [InlineData("mysql://u:secret@tcp(h)/d?readTimeout=-5s", "readTimeout")]
    [InlineData("mysql://u:secret@tcp(h)/d?allowNativePasswords=maybe", "allowNativePasswords")]
    [InlineData("mysql://u:secret@tcp(h)/d?serverPubKey=k", "serverPubKey")]
    [InlineData("mysql://u:secret@tcp(h)/d?wait_timeout=1%3BDROP%20TABLE%20kine_log", "session variable")]
    [InlineData("mysql://u:secret@tcp(h)/d?a%20b=1", "session variable")]
    [InlineData("mysql://u:secret@tcp(h)/d?sleepy", "session variable")]
    public void What_cannot_work_is_refused_without_a_secret(string endpoint, string reason)
    {
        var refused = Assert.Throws<StoreRefusedException>(() => StoreEndpoint.Parse(endpoint));
        Assert.Contains(reason, refused.Message);
        Assert.DoesNotContain("secret", refused.Message);
    }

    [Fact]
    public async Task Neither_the_description_nor_the_settings_nor_an_error_shows_the_password()
    {
        var endpoint = StoreEndpoint.Parse("mysql://u:secret@tcp(127.0.0.1:1)/d?timeout=1s");
        await using var store = endpoint.Create();
        Assert.Equal("mysql 127.0.0.1:1/d", store.Description);
        Assert.DoesNotContain("secret", endpoint.MySql!.ToString());
        var error = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Open(default));
        Assert.DoesNotContain("secret", error.ToString());
    }

    private static MySqlOptions Parse(string endpoint, StoreSettings settings) => StoreEndpoint.Parse(endpoint, settings).MySql!;
}
