using System.Security.Cryptography.X509Certificates;
using Kine.Backends;
using Kine.Backends.MySql;
using Kine.Backends.Stores;
using Kine.Tests.Grpc;
using Kine.Tests.Identity;

namespace Kine.Tests.Stores.MySql;

/// <summary>Where a password comes from, how long that is waited for, and to whom it is never handed.</summary>
public sealed class MySqlPasswordTests
{
    [Theory]
    [InlineData("skip-verify", "mysql_native_password")]
    [InlineData("skip-verify", "mysql_clear_password")]
    [InlineData("preferred", "mysql_native_password")]
    [InlineData("preferred", "mysql_clear_password")]
    [InlineData("false", "mysql_native_password")]
    [InlineData("false", "mysql_clear_password")]
    [InlineData("true", "mysql_clear_password")]
    public async Task A_password_that_may_be_handed_over_never_goes_to_a_server_without_TLS(string tls, string greeting)
    {
        await using var server = new CleartextServer(null, greeting);

        await IsRefused(server, $"tls={tls}");

        Assert.Empty(server.Passwords);
        Assert.DoesNotContain("geheim", server.Overheard, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_that_may_be_handed_over_goes_over_TLS_without_a_look_at_the_certificate_where_that_was_asked_for()
    {
        using var folder = new Servers.TempFolder();
        using var ca = new TestCa(folder.FullName);
        using var certificate = ca.IssueServer("mysql");
        await using var server = new CleartextServer(certificate);

        await IsRefused(server, "tls=skip-verify");

        Assert.Equal(["geheim"], server.Passwords.Distinct());
        Assert.DoesNotContain("geheim", server.Overheard, StringComparison.Ordinal);
    }

    // No server's default log-in hands the password over: only who pretends to be one greets so.
    [Theory]
    [InlineData("skip-verify")]
    [InlineData("true")]
    public async Task A_server_whose_very_greeting_asks_for_the_password_itself_never_gets_it(string tls)
    {
        using var folder = new Servers.TempFolder();
        using var ca = new TestCa(folder.FullName);
        using var certificate = ca.IssueServer("mysql");
        await using var server = new CleartextServer(certificate, "mysql_clear_password");

        await IsRefused(server, $"tls={tls}");

        Assert.Empty(server.Passwords);
        Assert.DoesNotContain("geheim", server.Overheard, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("skip-verify")]
    [InlineData("preferred")]
    [InlineData("false")]
    public async Task A_password_is_not_handed_over_unless_the_endpoint_allows_it(string tls)
    {
        using var folder = new Servers.TempFolder();
        using var ca = new TestCa(folder.FullName);
        using var certificate = ca.IssueServer("mysql");
        await using var server = new CleartextServer(certificate);

        await IsRefused(server, $"tls={tls}", allows: false);

        Assert.Empty(server.Passwords);
        Assert.DoesNotContain("geheim", server.Overheard, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_password_is_not_handed_over_the_refusal_says_what_would_do()
    {
        await using var server = new CleartextServer(null);

        var refused = await IsRefused(server, "tls=false");

        Assert.Contains("tls=true", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_provider_that_never_answers_is_waited_for_as_long_as_for_the_connection(bool blocks)
    {
        using var never = new ManualResetEventSlim();
        var options = StoreEndpoint.Parse("mysql://native:ignored@tcp(127.0.0.1:1)/never?timeout=300ms").MySql! with
        {
            PasswordProvider = _ =>
            {
                if (blocks)
                    never.Wait(CancellationToken.None);

                return new(blocks ? Task.FromResult("geheim") : new TaskCompletionSource<string>().Task);
            },
        };
        await using var store = new MySqlRevisionStore(options);

        var unavailable = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Open(default).WaitAsync(TimeSpan.FromMinutes(1)));

        Assert.Equal("the identity provider gave no password for mysql 127.0.0.1:1/never within 0.3 s", unavailable.Message);
        never.Set();
    }

    private static async Task<StoreRefusedException> IsRefused(CleartextServer server, string parameters, bool allows = true)
    {
        var allowed = allows ? "allowCleartextPasswords=true&" : "";
        var endpoint = $"mysql://kine:geheim@tcp(localhost:{server.Port})/login?{allowed}{parameters}";
        await using var store = StoreEndpoint.Parse(endpoint).Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.DoesNotContain("geheim", refused.ToString(), StringComparison.Ordinal);
        return refused;
    }
}
