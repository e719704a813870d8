using Kine.Tests.Grpc;
using Kine.Tests.Servers;

namespace Kine.Tests.Identity;

/// <summary>Databases that log users in by tokens and tickets, and who decides about those.</summary>
public sealed class LoginFixture : IAsyncLifetime
{
    /// <summary>A role that logs in by Kerberos.</summary>
    public const string KerberosUser = "kine_kerberos";

    /// <summary>One whose tickets live for <see cref="ShortLife"/>.</summary>
    public const string ShortUser = "kine_short";

    /// <summary>A principal that is no role.</summary>
    public const string OtherPrincipal = "another";

    /// <summary>One that logs in with a password that <see cref="Ldap"/> accepts.</summary>
    public const string TokenUser = "kine_token";

    public static readonly TimeSpan ShortLife = TimeSpan.FromSeconds(5);

    private readonly TempFolder _folder = new();
    private readonly TestCa _ca;
    private readonly string _key;

    public LoginFixture()
    {
        ServerAccount.Share(_folder.FullName);
        _ca = new TestCa(_folder.FullName);
        (Certificate, _key) = _ca.Issue("postgres", serverAuth: true);
        Postgres = new LoginServer(Ldap, Certificate, _key);
        (var certificate, var key) = _ca.Issue("mariadb", serverAuth: true);
        MariaDb = new MariaDbServer($"--ssl-cert={certificate}", $"--ssl-key={key}", $"--ssl-ca={_ca.File}");
    }

    public LdapServer Ldap { get; } = new();

    public Kdc Kdc { get; } = new();

    public LoginServer Postgres { get; }

    public MariaDbServer MariaDb { get; }

    /// <summary>CA of all servers' certificates, which are for localhost.</summary>
    public string CaFile => _ca.File;

    internal TestCa Ca => _ca;

    private string Certificate { get; }

    /// <summary>A database of its own that the user logs in to; kine creates it.</summary>
    public string PostgresEndpoint(string user, string parameters)
    {
        var database = Postgres.NewEndpoint();
        return $"postgres://{user}@localhost:{Postgres.Port}/{database[(database.LastIndexOf('/') + 1)..]}?{parameters}";
    }

    /// <summary>The same in MariaDB, with TLS.</summary>
    public string MariaDbEndpoint(string user, string parameters = "") => $"mysql://{user}@tcp(localhost:{MariaDb.Port})/{MariaDbServer.NewDatabase()}?{parameters}";

    public async Task InitializeAsync()
    {
        await Task.WhenAll(Kdc.Start(), Postgres.Start(), MariaDb.Start());
        await Kdc.AddPrincipal("postgres/localhost");
        await Kdc.AddPrincipal(KerberosUser);
        await Kdc.AddPrincipal(OtherPrincipal);
        await Kdc.AddPrincipal(ShortUser, ShortLife);
        Postgres.UseServiceKeytab(await Kdc.NewKeytab("postgres/localhost"));
        await Postgres.CreateUsers();
    }

    public async Task DisposeAsync()
    {
        await Postgres.DisposeAsync();
        await MariaDb.DisposeAsync();
        await Kdc.DisposeAsync();
        await Ldap.DisposeAsync();
        _ca.Dispose();
        _folder.Dispose();
    }
}

/// <summary>Tests that share these servers.</summary>
[CollectionDefinition(Name)]
public sealed class LoginCollection : ICollectionFixture<LoginFixture>
{
    public const string Name = "Log-ins";
}
