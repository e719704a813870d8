using Kine.Backends;
using Kine.Backends.Endpoints;
using Kine.Backends.Stores;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores.Postgres;

/// <summary>Other ways to a server than TCP without TLS: its Unix socket, and TLS with what of its certificate is checked.</summary>
public sealed class PostgresPlacesTests : IAsyncLifetime
{
    private readonly Servers.TempFolder _folder = new();
    private readonly PostgresServer _server = new();
    private readonly TestCa _root;
    private readonly TestCa _issuing;

    public PostgresPlacesTests()
    {
        ServerAccount.Share(_folder.FullName);
        _root = new TestCa(_folder.FullName);
        _issuing = new TestCa(Directory.CreateDirectory(_folder["issuing"]).FullName, _root);
    }

    public async Task InitializeAsync()
    {
        var sockets = Directory.CreateDirectory(_folder["sockets"]).FullName;
        ServerAccount.Own(sockets);
        (var certificate, var key) = _issuing.Issue("server", serverAuth: true);
        ServerAccount.Own(key);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(key, UnixFileMode.UserRead);

        foreach (var setting in (string[])[$"unix_socket_directories={sockets}", "ssl=on", $"ssl_cert_file={certificate}", $"ssl_key_file={key}"])
            _server.Set(setting);

        await _server.Start();
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        _issuing.Dispose();
        _root.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("@/socket?host=")]
    [InlineData("@")]
    public async Task A_unix_socket_is_a_place_like_others(string before)
    {
        var login = $"postgres://{PostgresServer.User}:{Uri.EscapeDataString(PostgresServer.Password)}";
        var folder = Uri.EscapeDataString(_folder["sockets"]);

        await Opens(before == "@" ? $"{login}@{folder}:{_server.Port}/socket" : $"{login}{before}{folder}&port={_server.Port}");
        // As everywhere, no TLS is asked for on a socket.
        await Opens($"{login}@{folder}:{_server.Port}/socket?sslmode=verify-full&sslrootcert={_issuing.File}");
    }

    [Fact]
    public async Task The_CA_file_may_hold_the_issuing_intermediate_alone()
    {
        var byName = _server.Endpoint("verified").Replace("127.0.0.1", "localhost", StringComparison.Ordinal);

        await Opens($"{byName}?sslmode=verify-full&sslrootcert={_issuing.File}");
        await Opens($"{_server.Endpoint("verified")}?sslmode=verify-ca&sslrootcert={_issuing.File}");
        await Opens($"{_server.Endpoint("verified")}?sslmode=require&sslrootcert={_issuing.File}");
        await Opens($"{_server.Endpoint("verified")}?sslmode=require");
        await IsRefused($"{_server.Endpoint("verified")}?sslmode=verify-full&sslrootcert={_issuing.File}", "(CN=server) is not for 127.0.0.1");
        await IsRefused($"{byName}?sslmode=verify-full&sslrootcert={_root.File}", "(CN=server) is not by an authority that is trusted");
        await IsRefused($"{byName}?sslmode=verify-full", "(CN=server) is not by an authority that is trusted");
        await IsRefused($"{byName}?sslmode=verify-full&sslrootcert={_folder["not-there"]}", "not-there");
    }

    private static async Task Opens(string endpoint)
    {
        await using var store = StoreEndpoint.Parse(endpoint).Create();
        await store.Open(default);
        await store.ReadFence(default);
    }

    private static async Task IsRefused(string endpoint, string reason)
    {
        await using var store = StoreEndpoint.Parse(endpoint).Create();
        var refused = await Assert.ThrowsAsync<StoreRefusedException>(() => store.Open(default));
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }
}
