using System.Globalization;
using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.MySql;
using Kine.Backends.Stores;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.MySql;

/// <summary>Passwords, certificates, sockets: who gets in, over what, and what is said to those who do not.</summary>
public sealed class MySqlLoginTests : IAsyncLifetime
{
    private readonly Servers.TempFolder _folder = new();
    private readonly TestCa _ca;
    private readonly TestCa _issuing; // an intermediate, whose certificate the server does not send
    private readonly MariaDbServer _server;

    public MySqlLoginTests()
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.FullName, (UnixFileMode)0b111_101_101);

        _ca = new TestCa(_folder.FullName);
        _issuing = new TestCa(Directory.CreateDirectory(_folder["issuing"]).FullName, _ca);
        (var certificate, var key) = _issuing.Issue("server", serverAuth: true);
        _server = new MariaDbServer($"--ssl-ca={_ca.File}", $"--ssl-cert={certificate}", $"--ssl-key={key}", "--plugin-load-add=auth_ed25519");
    }

    public async Task InitializeAsync()
    {
        await _server.Start();
        await _server.Run(
            """
            CREATE USER native@localhost IDENTIFIED BY 'pässwörd''s\\';
            CREATE USER ed@localhost IDENTIFIED VIA ed25519 USING PASSWORD('geheim');
            CREATE USER tls@localhost IDENTIFIED BY 'geheim' REQUIRE SSL;
            CREATE USER cert@localhost IDENTIFIED BY 'geheim' REQUIRE SUBJECT '/CN=client';
            GRANT ALL ON *.* TO native@localhost, ed@localhost, tls@localhost, cert@localhost;
            """);
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _issuing.Dispose();
        _ca.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Passwords_certificates_and_sockets_log_in_and_wrong_ones_are_refused_without_a_secret()
    {
        (var certificate, var key) = _ca.Issue("client", serverAuth: false);
        using var otherFolder = new Servers.TempFolder();
        using var otherCa = new TestCa(otherFolder.FullName);
        var trusted = new StoreSettings { CaFile = _issuing.File };
        var tcp = string.Create(CultureInfo.InvariantCulture, $"tcp(localhost:{_server.Port})");
        var byAddress = string.Create(CultureInfo.InvariantCulture, $"tcp(127.0.0.1:{_server.Port})");

        await LogsIn($"native:pässwörd's\\@{tcp}");
        await LogsIn($"native:pässwörd's\\@unix({_server.Socket})");
        await LogsIn($"ed:geheim@{tcp}");
        await LogsIn($"tls:geheim@{tcp}", trusted);
        await LogsIn($"tls:geheim@{tcp}", parameters: "?tls=skip-verify");
        await LogsIn($"tls:geheim@{tcp}", parameters: "?tls=preferred");
        await LogsIn($"cert:geheim@{tcp}", trusted with { CertFile = certificate, KeyFile = key });

        await IsRefused($"native:geheim-falsch@{tcp}");
        await IsRefused($"ed:geheim-falsch@{tcp}");
        await IsRefused($"nobody:geheim@{tcp}");
        await IsRefused($"tls:geheim@{tcp}");
        await IsRefused($"cert:geheim@{tcp}", trusted);
        await IsRefused($"native:pässwörd's\\@{tcp}", parameters: "?allowNativePasswords=false");
        // The certificate is this CA's, and for localhost only.
        await IsRefused($"tls:geheim@{tcp}", trusted with { CaFile = otherCa.File });
        await IsRefused($"tls:geheim@{tcp}", trusted with { CaFile = _ca.File });
        await IsRefused($"tls:geheim@{tcp}", parameters: "?tls=true");
        await IsRefused($"tls:geheim@{byAddress}", trusted);
        await IsRefused($"tls:geheim@{tcp}", trusted with { CaFile = _folder["not-there.pem"] });
    }

    [Fact]
    public async Task Tls_that_was_asked_for_is_never_left_out()
    {
        await using var plain = new MariaDbServer("--skip-ssl");
        await plain.Start();
        var endpoint = string.Create(CultureInfo.InvariantCulture, $"root@tcp(localhost:{plain.Port})");
        await IsRefused(endpoint, new StoreSettings { CaFile = _ca.File });
        await IsRefused(endpoint, parameters: "?tls=true");
        await IsRefused(endpoint, parameters: "?tls=skip-verify");
        await LogsIn(endpoint, parameters: "?tls=preferred");
    }

    [Fact]
    public async Task The_password_of_every_new_connection_is_asked_for()
    {
        var password = "pässwörd's\\";
        var asked = 0;
        var options = StoreEndpoint.Parse($"mysql://native:ignored@tcp(127.0.0.1:{_server.Port})/asked").MySql! with
        {
            PasswordProvider = async cancellationToken =>
            {
                Interlocked.Increment(ref asked);
                await Task.Delay(1, cancellationToken);
                return password;
            },
        };
        await using var store = new MySqlRevisionStore(options);
        await store.Open(default);
        (var token, var last) = await LogFiller.Fill(store, 1);
        var before = Volatile.Read(ref asked);

        // The token changes, and so does what the server takes.
        password = "next";
        await _server.Run("ALTER USER native@localhost IDENTIFIED BY 'next'");
        await _server.Kill();
        await _server.Start();

        Assert.Equal(last, (await store.ReadFence(default)).LastRevision);
        Assert.Equal(before + 1, Volatile.Read(ref asked));
        Assert.Equal(token.Epoch, (await store.ReadFence(default)).Epoch);
    }

    private static async Task LogsIn(string address, StoreSettings? settings = null, string parameters = "")
    {
        await using var store = StoreEndpoint.Parse($"mysql://{address}/login{parameters}", settings).Create();
        await store.Open(default);
        await store.ReadFence(default);
    }

    private static async Task IsRefused(string address, StoreSettings? settings = null, string parameters = "")
    {
        await using var store = StoreEndpoint.Parse($"mysql://{address}/login{parameters}", settings).Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.DoesNotContain("geheim", refused.ToString());
        Assert.DoesNotContain("wörd", refused.ToString());
    }
}
