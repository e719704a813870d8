using Kine.Tests.Servers;

namespace Kine.Tests.Identity;

/// <summary>
/// A PostgreSQL that lets its users in by other ways than a stored password: <see cref="LoginFixture.TokenUser"/> with a password that an LDAP server accepts, over TLS
/// only, and the Kerberos users with a Kerberos ticket.
/// </summary>
public sealed class LoginServer : PostgresServer
{
    private readonly LdapServer _ldap;

    public LoginServer(LdapServer ldap, string certificate, string key)
    {
        _ldap = ldap;
        ServerAccount.Own(key);
        // PostgreSQL takes no key that others can read.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(key, UnixFileMode.UserRead);

        Set("ssl=on");
        Set("ssl_cert_file=" + certificate);
        Set("ssl_key_file=" + key);
        Set("krb_server_keyfile=" + ServiceKeytab);
    }

    /// <summary>The server's own keys; read at every log-in.</summary>
    public string ServiceKeytab => Path.Combine(DataFolder, "service.keytab");

    /// <summary>Puts a keytab into the server's place.</summary>
    public void UseServiceKeytab(string file)
    {
        File.Copy(file, ServiceKeytab + ".new");
        ServerAccount.Own(ServiceKeytab + ".new");
        File.Move(ServiceKeytab + ".new", ServiceKeytab, overwrite: true);
    }

    public async Task CreateUsers()
    {
        foreach (var user in new[] { LoginFixture.KerberosUser, LoginFixture.ShortUser, LoginFixture.TokenUser })
            await Query("postgres", $"CREATE ROLE {user} LOGIN CREATEDB");
    }

    /// <summary>Ends all sessions of a user, so that it has to log in anew.</summary>
    public Task<object?> CloseSessions(string user) =>
        Query("postgres", $"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{user}'");

    protected override async Task Initialize()
    {
        await base.Initialize();
        var file = Path.Combine(DataFolder, "pg_hba.conf");
        var others = await File.ReadAllTextAsync(file);
        await File.WriteAllTextAsync(file, $"""
            hostssl all {LoginFixture.TokenUser} 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport={_ldap.Port} ldapprefix="" ldapsuffix=""
            host all {LoginFixture.TokenUser} 127.0.0.1/32 reject
            hostgssenc all {LoginFixture.KerberosUser},{LoginFixture.ShortUser} 127.0.0.1/32 gss include_realm=0
            host all {LoginFixture.KerberosUser},{LoginFixture.ShortUser} 127.0.0.1/32 gss include_realm=0
            {others}
            """);
    }
}
