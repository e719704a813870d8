using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Stores;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Nats;

/// <summary>Ways to log in, TLS, and what a start without them says.</summary>
[Collection(NatsCollection.Name)]
public sealed class NatsLogInTests
{
    // The example of an NKey pair in NATS' own documentation of the format.
    private const string Seed = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
    private const string PublicKey = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

    [Fact]
    public async Task A_server_without_JetStream_is_named()
    {
        await using var server = new NatsServer(jetStream: "");
        await server.Start();
        await using var store = StoreEndpoint.Parse(server.NewEndpoint()).Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.Contains("JetStream", refused.Message);
    }

    [Fact]
    public async Task A_server_that_is_not_there_may_come_later()
    {
        await using var server = new NatsServer();
        await using var store = StoreEndpoint.Parse(server.NewEndpoint()).Create();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.Open(default));
        await server.Start();
        await store.Open(default);
        Assert.Equal(1, (await store.ReadFence(default)).LastRevision);
    }

    [Theory]
    [InlineData("authorization { user: joe, password: \"pass:word\" }", "nats://joe:pass%3Aword@", "nats://joe:wrong-secret@")]
    [InlineData("authorization { token: \"t0k/en\" }", "nats://t0k%2Fen@", "nats://wrong-secret@")]
    public async Task User_and_password_or_a_token_log_in(string configuration, string right, string wrong)
    {
        await using var server = new NatsServer(configuration);
        await server.Start();
        var endpoint = server.NewEndpoint();
        await Works(endpoint.Replace("nats://", right, StringComparison.Ordinal));
        await using var store = StoreEndpoint.Parse(endpoint.Replace("nats://", wrong, StringComparison.Ordinal)).Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.DoesNotContain("wrong-secret", refused.Message);
    }

    [Fact]
    public async Task An_nkey_of_a_context_file_logs_in()
    {
        await using var server = new NatsServer($"authorization {{ users: [ {{ nkey: {PublicKey} }} ] }}");
        await server.Start();
        var seed = Path.Combine(server.Folder, "user.nk");
        var context = Path.Combine(server.Folder, "context.json");
        await File.WriteAllTextAsync(seed, Seed + "\n");
        await File.WriteAllTextAsync(context, $$"""{"url":"nats://127.0.0.1:{{server.Port}}","nkey":"{{seed}}"}""");
        await Works($"nats://?contextFile={context}");
    }

    [Fact]
    public async Task A_credentials_file_logs_in_to_a_server_with_operators()
    {
        var issuer = new NatsJwtIssuer();
        await using var server = new NatsServer(issuer.ServerConfiguration);
        await server.Start();
        var credentials = Path.Combine(server.Folder, "user.creds");
        await File.WriteAllTextAsync(credentials, issuer.UserCredentials());
        await Works($"{server.NewEndpoint()}&credsFile={credentials}");

        await File.WriteAllTextAsync(credentials, new NatsJwtIssuer().UserCredentials());
        await using var store = StoreEndpoint.Parse($"{server.NewEndpoint()}&credsFile={credentials}").Create();
        await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        await using var without = StoreEndpoint.Parse($"{server.NewEndpoint()}&credsFile=/not/there.creds").Create();
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => without.Open(default));
        Assert.Contains("/not/there.creds", refused.Message);
    }

    [Theory]
    [InlineData("nkey", "nothing")]
    [InlineData("nkey", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJAM6USDXIEDNPPQYYYCU3VY")]
    [InlineData("creds", "-----BEGIN NATS USER JWT-----")]
    public async Task A_file_that_cannot_log_in_is_named_without_its_content(string setting, string content)
    {
        using var folder = new Servers.TempFolder();
        await File.WriteAllTextAsync(folder["secret"], content);
        await File.WriteAllTextAsync(folder["context.json"], $$"""{"url":"nats://127.0.0.1:1","{{setting}}":"{{folder["secret"]}}"}""");
        await using var store = StoreEndpoint.Parse($"nats://?contextFile={folder["context.json"]}").Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.Contains(folder["secret"], refused.Message);
        Assert.DoesNotContain(content, refused.Message);
    }

    [Fact]
    public async Task Tls_checks_the_server_and_shows_a_certificate()
    {
        using var folder = new Servers.TempFolder();
        using var authority = new TestCa(folder.FullName);
        using var otherFolder = new Servers.TempFolder();
        using var other = new TestCa(otherFolder.FullName);
        using var issuing = new TestCa(Directory.CreateDirectory(folder["issuing"]).FullName, authority); // its certificate is not sent
        (var certificate, var key) = issuing.Issue("server", serverAuth: true);
        (var clientCertificate, var clientKey) = authority.Issue("client", serverAuth: false);
        await using var server = new NatsServer($"tls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{authority.File}\", verify: true }}");
        await server.Start();
        var endpoint = server.NewEndpoint().Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        var settings = new StoreSettings { CaFile = issuing.File, CertFile = clientCertificate, KeyFile = clientKey };
        await Works(endpoint, settings);
        await Works(endpoint, settings with { CaFile = "", SkipVerify = true });
        await Refused(settings with { CaFile = other.File });
        await Refused(settings with { CaFile = authority.File });
        await Refused(settings with { CertFile = "", KeyFile = "" });
        await Refused(settings with { CaFile = "/not/there" });

        async Task Refused(StoreSettings wrong)
        {
            await using var store = StoreEndpoint.Parse(endpoint, wrong).Create();
            var error = await Assert.ThrowsAnyAsync<Exception>(() => store.Open(default));
            Assert.True(error is StoreRefusedException or StoreUnavailableException, error.ToString());
        }
    }

    private static async Task Works(string endpoint, StoreSettings? settings = null)
    {
        await using var store = StoreEndpoint.Parse(endpoint, settings).Create();
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 10);
        await LogFiller.AppendOne(store, token, last);
    }
}
