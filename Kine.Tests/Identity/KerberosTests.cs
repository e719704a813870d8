using Kine.Host.Client;
using Kine.Tests.Servers;
using Kine.Tests.Wire;

namespace Kine.Tests.Identity;

/// <summary>The server as a process, on a real PostgreSQL that wants a ticket of a real KDC.</summary>
[Collection(LoginCollection.Name)]
public sealed class KerberosTests(LoginFixture servers)
{
    private const string User = LoginFixture.KerberosUser;
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_keytab_logs_the_principal_of_the_endpoint_in_among_others_in_the_file()
    {
        var keytab = await servers.Kdc.NewKeytab(LoginFixture.OtherPrincipal, User);
        await using var kine = Kine($"{User}%40{Kdc.Realm}", "krb5_keytab=" + keytab);

        await Works(kine);

        Assert.Equal($"{User}@{Kdc.Realm}", await Principals());
    }

    [Fact]
    public async Task KRB5_KTNAME_names_the_keytab_and_krb5_conf_the_realm()
    {
        await using var kine = Kine(User, "");
        kine.Variables["KRB5_KTNAME"] = "FILE:" + await servers.Kdc.NewKeytab(User);

        await Works(kine);
    }

    [Fact]
    public async Task A_credential_cache_is_named_by_the_endpoint()
    {
        var cache = await servers.Kdc.NewCache(User, await servers.Kdc.NewKeytab(User));
        await using var kine = Kine($"{User}%40{Kdc.Realm}", "krb5_ccache=" + cache);

        await Works(kine);
    }

    [Fact]
    public async Task A_credential_cache_is_named_by_KRB5CCNAME()
    {
        await using var kine = Kine(User, "krb5_ccache");
        kine.Variables["KRB5CCNAME"] = "FILE:" + await servers.Kdc.NewCache(User, await servers.Kdc.NewKeytab(User));

        await Works(kine);
    }

    [Fact]
    public async Task Kerberos_can_encrypt_the_connection_too()
    {
        await using var kine = Kine(User, $"gssencmode=require&krb5_keytab={await servers.Kdc.NewKeytab(User)}");

        await Works(kine);

        Assert.Equal(true, await servers.Postgres.Query(
            "postgres", $"SELECT bool_and(g.encrypted) FROM pg_stat_gssapi g JOIN pg_stat_activity a USING (pid) WHERE a.usename = '{User}'"));
    }

    [Fact]
    public async Task Tickets_are_renewed_by_the_keytab_when_they_have_expired()
    {
        await using var kine = Kine(LoginFixture.ShortUser, $"krb5_keytab={await servers.Kdc.NewKeytab(LoginFixture.ShortUser)}");
        await Works(kine);

        await Task.Delay(LoginFixture.ShortLife + TimeSpan.FromSeconds(1));
        await servers.Postgres.CloseSessions(LoginFixture.ShortUser);

        await WritesAgain(kine);
    }

    [Fact]
    public async Task A_new_key_of_the_server_costs_no_restart()
    {
        await using var kine = Kine(User, $"krb5_keytab={await servers.Kdc.NewKeytab(User)}");
        await Works(kine);

        servers.Postgres.UseServiceKeytab(await servers.Kdc.NewKeytab("postgres/localhost"));
        await servers.Postgres.CloseSessions(User);

        await WritesAgain(kine);
    }

    [Theory]
    [InlineData("krb5_keytab={folder}/none.keytab", "kine_kerberos by keytab {folder}/none.keytab cannot work: ")]
    [InlineData("krb5_ccache={folder}/none.cache", "kine_kerberos by credential cache {folder}/none.cache cannot work: No credentials cache found")]
    [InlineData("krb5_keytab={another}", "Keytab contains no suitable keys for kine_kerberos@KINE.TEST")]
    [InlineData("krb5_keytab={old}", "Kerberos as kine_kerberos by keytab {old}: ")]
    [InlineData("krb5_keytab={good}&krbsrvname=mysql", "Server mysql/localhost@KINE.TEST not found in Kerberos database")]
    [InlineData("krb5_ccache={cache}", "GSSAPI authentication failed for user \"kine_kerberos\"")]
    [InlineData("krb5_keytab={good}&krb5_ccache", "both krb5_keytab and krb5_ccache")]
    public async Task What_is_wrong_is_told_in_one_sentence(string parameters, string reason)
    {
        var old = await servers.Kdc.NewKeytab(User);
        var good = await servers.Kdc.NewKeytab(User);
        var another = await servers.Kdc.NewKeytab(LoginFixture.OtherPrincipal);
        var cache = await servers.Kdc.NewCache(LoginFixture.OtherPrincipal, another);
        using var folder = new TempFolder();
        string Filled(string text) => text.Replace("{folder}", folder.FullName).Replace("{old}", old).Replace("{good}", good)
            .Replace("{another}", another).Replace("{cache}", cache);
        await using var kine = Kine(User, Filled(parameters));

        var done = await Command.Run(TestTools.Kine, kine.Arguments, within: EndLimit, environment: kine.Variables);

        Assert.NotEqual(0, done.ExitCode);
        var output = done.Output + done.Errors;
        Assert.True(output.Contains(Filled(reason), StringComparison.Ordinal), output);
        Assert.False(output.Contains("   at ", StringComparison.Ordinal), output);
    }

    private KineServer Kine(string user, string parameters)
    {
        var kine = KineServer.On(servers.PostgresEndpoint(user, parameters));
        kine.Variables["KRB5_CONFIG"] = servers.Kdc.ConfigFile;
        return kine;
    }

    private static async Task Works(KineServer kine)
    {
        await kine.Start();
        using var channel = new EtcdChannel(kine.Address);
        await channel.Put("key", "value");
        Assert.Equal("value", (await channel.Get("key"))!.Value.ToStringUtf8());
    }

    // A write may fail while the connections are opened anew.
    private static async Task WritesAgain(KineServer kine)
    {
        using var channel = new EtcdChannel(kine.Address);
        var deadline = DateTime.UtcNow + EndLimit;
        while (true)
        {
            try
            {
                await channel.Put("key", "again");
                return;
            }
            catch (RpcException error) when (error.StatusCode == StatusCode.Unavailable && DateTime.UtcNow < deadline)
            {
                Assert.False(kine.HasEnded, kine.Process.Output);
                await Task.Delay(50);
            }
        }
    }

    private async Task<object?> Principals() => await servers.Postgres.Query(
        "postgres", $"SELECT string_agg(DISTINCT g.principal, ',') FROM pg_stat_gssapi g JOIN pg_stat_activity a USING (pid) WHERE a.usename = '{User}'");
}
