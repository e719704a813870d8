using System.Security.Cryptography.X509Certificates;
using Azure.Core.Pipeline;
using Azure.Identity;
using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Identity;
using Kine.Backends.MySql;
using Kine.Backends.Postgres;
using Kine.Backends.Stores;
using Kine.Tests.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kine.Tests.Identity;

/// <summary>Stores whose password is a token of a workload identity, as on AKS: the pod's assertion is exchanged at the authority.</summary>
[Collection(LoginCollection.Name)]
public sealed class EntraLoginTests(LoginFixture servers) : IAsyncLifetime
{
    private static readonly StoreSettings Settings = new() { IdentityProvider = "azure" };
    private readonly TempFolder _folder = new();
    private EntraAuthority _authority = null!;
    private ProcessVariables _variables = null!;
    private X509Certificate2 _certificate = null!;

    [Fact]
    public async Task PostgreSQL_lets_the_store_in_by_the_token()
    {
        servers.Ldap.Check = (user, password) => user == LoginFixture.TokenUser && _authority.Issued.Contains(password);
        var endpoint = servers.PostgresEndpoint(LoginFixture.TokenUser, $"sslmode=verify-full&sslrootcert={servers.CaFile}");
        var options = StoreEndpoint.Parse(endpoint, Settings).Postgres!;
        var password = Identity(TimeProvider.System).PasswordFor("localhost", servers.Postgres.Port, LoginFixture.TokenUser);
        await using var store = new PostgresRevisionStore(options with { PasswordProvider = (_, cancellation) => password(cancellation) });

        await store.Open(default);

        await CanWrite(store);
        Assert.Single(_authority.Issued);
    }

    [Fact]
    public async Task MariaDB_lets_the_store_in_by_the_token()
    {
        var password = Identity(TimeProvider.System).PasswordFor("localhost", servers.MariaDb.Port, "entra");
        await servers.MariaDb.Run($"CREATE USER entra@'%' IDENTIFIED BY '{await password(default)}' REQUIRE SSL; GRANT ALL ON *.* TO entra@'%'");
        var options = StoreEndpoint.Parse(servers.MariaDbEndpoint("entra"), Settings with { CaFile = servers.CaFile }).MySql!;
        await using var store = new MySqlRevisionStore(options with { PasswordProvider = password });

        await store.Open(default);

        await CanWrite(store);
        Assert.Single(_authority.Issued);
    }

    [Fact]
    public async Task A_token_is_asked_anew_before_it_expires()
    {
        _authority.Life = TimeSpan.FromSeconds(120);
        var time = new ManualTime(DateTimeOffset.UtcNow);
        var password = Identity(time).PasswordFor("localhost", 5432, "kine");

        var first = await password(default);
        Assert.Equal(first, await password(default));
        time.Advance(TimeSpan.FromSeconds(61));
        var second = await password(default);

        Assert.Equal([first, second], _authority.Issued);
    }

    [Fact]
    public async Task An_authority_that_refuses_is_quoted_without_the_assertion()
    {
        await File.WriteAllTextAsync(_folder["assertion"], "another-secret-assertion");

        var failure = await Assert.ThrowsAsync<StoreUnavailableException>(
            async () => await Identity(TimeProvider.System).PasswordFor("localhost", 5432, "kine")(default));

        Assert.StartsWith("Microsoft Entra ID gave no token: ", failure.Message, StringComparison.Ordinal);
        Assert.Contains("AADSTS700016", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("another-secret-assertion", failure.ToString(), StringComparison.Ordinal);
    }

    private static async Task CanWrite(IRevisionStore store)
    {
        var seen = await store.ReadFence(default);
        Assert.NotNull(await store.TakeOver(seen, Guid.NewGuid(), "", TimeSpan.FromSeconds(3), default));
    }

    private AzureIdentity Identity(TimeProvider time)
    {
        var handler = new SocketsHttpHandler { SslOptions = servers.Ca.ClientOptions() };
        return new AzureIdentity("", time, NullLogger.Instance, () => new EntraCredential(options =>
        {
            options.DisableInstanceDiscovery = true;
            options.Transport = new HttpClientTransport(new HttpClient(handler));
            options.Retry.MaxRetries = 0;
        }));
    }

    public async Task InitializeAsync()
    {
        _certificate = servers.Ca.IssueServer($"authority-{Guid.NewGuid():N}");
        _authority = await EntraAuthority.Start(_certificate);
        await File.WriteAllTextAsync(_folder["assertion"], _authority.Assertion);
        _variables = new ProcessVariables(
            ("AZURE_TOKEN_CREDENTIALS", nameof(WorkloadIdentityCredential)),
            ("AZURE_TENANT_ID", EntraAuthority.Tenant),
            ("AZURE_CLIENT_ID", EntraAuthority.Client),
            ("AZURE_FEDERATED_TOKEN_FILE", _folder["assertion"]),
            ("AZURE_AUTHORITY_HOST", _authority.Address.ToString().Replace("127.0.0.1", "localhost", StringComparison.Ordinal)));
    }

    public async Task DisposeAsync()
    {
        _variables.Dispose();
        await _authority.DisposeAsync();
        _certificate.Dispose();
        _folder.Dispose();
    }
}
