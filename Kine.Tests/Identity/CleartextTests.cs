using System.Security.Cryptography.X509Certificates;
using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.MySql;
using Kine.Backends.Stores;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;

namespace Kine.Tests.Identity;

/// <summary>Servers of RDS and Azure have the client send its token as it is: over TLS to a server that has proved who it is, and nowhere else.</summary>
public sealed class CleartextTests : IDisposable
{
    private static readonly string Token = "token-" + new string('t', 2000);
    private readonly TempFolder _folder = new();
    private readonly TestCa _ca;

    public CleartextTests() => _ca = new TestCa(_folder.FullName);

    [Fact]
    public async Task A_verified_server_gets_the_token_over_TLS()
    {
        using var certificate = _ca.IssueServer("mysql");
        await using var server = new CleartextServer(certificate);

        var refusal = await Open(server);

        Assert.Equal([Token], server.Passwords.Distinct());
        Assert.DoesNotContain("token-", server.Overheard, StringComparison.Ordinal);
        Assert.Contains("Access denied", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("token-", refusal.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_of_another_CA_gets_nothing()
    {
        using var folder = new TempFolder();
        using var other = new TestCa(folder.FullName);
        using var certificate = other.IssueServer("mysql");
        await using var server = new CleartextServer(certificate);

        await Open(server);

        Assert.Empty(server.Passwords);
    }

    [Fact]
    public async Task A_server_without_TLS_gets_nothing()
    {
        await using var server = new CleartextServer(null);

        await Open(server);

        Assert.Empty(server.Passwords);
        Assert.DoesNotContain("token-", server.Overheard, StringComparison.Ordinal);
    }

    private async Task<StoreRefusedException> Open(CleartextServer server)
    {
        var settings = new StoreSettings { IdentityProvider = "aws", CaFile = _ca.File };
        var options = StoreEndpoint.Parse($"mysql://kine@tcp(localhost:{server.Port})/db", settings).MySql!;
        await using var store = new MySqlRevisionStore(options with { PasswordProvider = _ => new(Token) });
        return await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
    }

    public void Dispose()
    {
        _ca.Dispose();
        _folder.Dispose();
    }
}
