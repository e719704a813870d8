using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Kine.Etcd;
using Kine.Grains.Hosting;
using Kine.Host.Grpc;
using Xunit;

namespace Kine.Tests.Grpc;

public sealed class ListenTests : IDisposable
{
    private const string Put = "/etcdserverpb.KV/Put";

    private static readonly PutRequest Request = new() { Key = ByteString.CopyFromUtf8("k") };

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("kine-listen-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Plain_http1_and_http2_share_the_port()
    {
        await using var server = await TestServer.Start();
        using var grpc = new GrpcClient(server.Server.Port);
        using var web = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{server.Server.Port}") };

        var put = await grpc.Call(Put, Request);
        using var version = await web.GetAsync(new Uri("/version", UriKind.Relative));

        Assert.Equal(StatusCode.OK, put.Status);
        Assert.Equal(HttpVersion.Version11, version.Version);
        Assert.Equal("""{"etcdserver":"3.6.11","etcdcluster":"3.6.0"}""", await version.Content.ReadAsStringAsync());
        using var other = await web.GetAsync(new Uri("/other", UriKind.Relative));
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }

    [Fact]
    public async Task A_preface_that_comes_byte_by_byte_is_still_http2()
    {
        await using var server = await TestServer.Start();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, server.Server.Port);
        byte[] start = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, 4, 0, 0, 0, 0, 0]; // the preface and an empty SETTINGS frame

        foreach (var b in start)
        {
            await socket.SendAsync(new[] { b });
            await Task.Delay(2);
        }

        var frame = new byte[9];
        await using var stream = new NetworkStream(socket);
        await stream.ReadExactlyAsync(frame);
        Assert.Equal(4, frame[3]); // the server's SETTINGS
    }

    [Fact]
    public async Task A_connection_that_says_nothing_does_not_hold_up_the_stop()
    {
        await using var server = await TestServer.Start();
        using var silent = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await silent.ConnectAsync(IPAddress.Loopback, server.Server.Port);
        using var client = new GrpcClient(server.Server.Port);
        await client.Call(Put, Request); // the silent one was accepted before this

        var stop = server.Stop();

        Assert.Same(stop, await Task.WhenAny(stop, Task.Delay(TimeSpan.FromSeconds(2))));
        Assert.DoesNotContain("error", server.Log.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_unix_socket_serves_its_owner_alone_and_is_gone_after_the_stop()
    {
        var path = Path.Combine(_folder.FullName, "kine.sock");
        using (var killed = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            killed.Bind(new UnixDomainSocketEndPoint(path + "0"));
            File.Move(path + "0", path); // else closing it deletes the file
        }

        await using var server = await TestServer.Start(TestServer.Options with { ListenAddress = $"unix://{path}" });
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var client = new GrpcClient(new Uri("http://localhost"), handler);

        Assert.Equal(StatusCode.OK, (await client.Call(Put, Request)).Status);
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));

        await server.Stop();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_unix_socket_that_is_served_is_neither_taken_nor_deleted()
    {
        var path = Path.Combine(_folder.FullName, "kine.sock");
        var options = TestServer.Options with { ListenAddress = $"unix://{path}" };
        await using var first = await TestServer.Start(options);

        await Assert.ThrowsAsync<StartException>(() => TestServer.Start(options));

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
    }

    [Fact]
    public async Task A_file_that_is_no_socket_is_not_deleted_for_one()
    {
        var path = Path.Combine(_folder.FullName, "precious");
        await File.WriteAllTextAsync(path, "text");

        await Assert.ThrowsAsync<StartException>(() => TestServer.Start(TestServer.Options with { ListenAddress = $"unix://{path}" }));

        Assert.Equal("text", await File.ReadAllTextAsync(path));
    }

    [Fact]
    public async Task Tls_serves_both_protocols()
    {
        using var ca = new TestCa(_folder.FullName);
        var (certificate, key) = ca.Issue("server", serverAuth: true);
        await using var server = await TestServer.Start(TestServer.Options with { ServerCertFile = certificate, ServerKeyFile = key });
        using var handler = new SocketsHttpHandler { SslOptions = ca.ClientOptions() };
        using var grpc = new GrpcClient(new Uri($"https://localhost:{server.Server.Port}"), handler);
        using var webHandler = new SocketsHttpHandler { SslOptions = ca.ClientOptions() };
        using var web = new HttpClient(webHandler);

        Assert.Equal(StatusCode.OK, (await grpc.Call(Put, Request)).Status);
        Assert.Equal("""{"health":"true","reason":""}""", await web.GetStringAsync(new Uri($"https://localhost:{server.Server.Port}/health")));
    }

    [Fact]
    public async Task Mutual_tls_takes_only_clients_of_its_ca()
    {
        using var ca = new TestCa(_folder.FullName);
        using var otherCa = new TestCa(_folder.CreateSubdirectory("other").FullName);
        var (certificate, key) = ca.Issue("server", serverAuth: true);
        await using var server = await TestServer.Start(
            TestServer.Options with { ServerCertFile = certificate, ServerKeyFile = key, TrustedCaFile = ca.File });
        var address = new Uri($"https://localhost:{server.Server.Port}");

        Assert.Equal(StatusCode.OK, await Try(ca.ClientOptions(ca.IssueLoaded("client"))));
        await Assert.ThrowsAsync<HttpRequestException>(() => Try(ca.ClientOptions()));
        await Assert.ThrowsAsync<HttpRequestException>(() => Try(ca.ClientOptions(otherCa.IssueLoaded("client"))));

        async Task<StatusCode> Try(SslClientAuthenticationOptions options)
        {
            using var handler = new SocketsHttpHandler { SslOptions = options };
            using var client = new GrpcClient(address, handler);
            return (await client.Call(Put, Request)).Status;
        }
    }

    [Fact]
    public async Task A_renewed_certificate_is_shown_without_a_restart()
    {
        using var ca = new TestCa(_folder.FullName);
        var (certificate, key) = ca.Issue("server", serverAuth: true);
        var time = new ManualTime();
        var tls = new ServerTls(certificate, key, null, time, _ => Assert.Fail("the renewed files are fine"));
        var first = await Shown(tls);

        ca.Issue("server", serverAuth: true);
        File.SetLastWriteTimeUtc(certificate, DateTime.UtcNow.AddSeconds(2));
        var soon = await Shown(tls);
        time.Advance(TimeSpan.FromSeconds(6));
        var later = await Shown(tls);

        Assert.Equal(first, soon);
        Assert.NotEqual(first, later);

        static async Task<string> Shown(ServerTls tls) =>
            (await tls.Callback.OnConnection(null!)).ServerCertificateContext!.TargetCertificate.Thumbprint;
    }

    [Fact]
    public async Task A_certificate_behind_the_links_of_a_Kubernetes_Secret_is_renewed()
    {
        using var ca = new TestCa(_folder.FullName);
        Put("first");
        Link("first", "tls.crt", "tls.key");
        var time = new ManualTime();
        var (certificateFile, keyFile) = (Path.Combine(_folder.FullName, "tls.crt"), Path.Combine(_folder.FullName, "tls.key"));
        var tls = new ServerTls(certificateFile, keyFile, null, time, _ => Assert.Fail("the renewed files are fine"));
        var first = (await tls.Callback.OnConnection(null!)).ServerCertificateContext!.TargetCertificate.Thumbprint;

        Put("second");
        Link("second");
        time.Advance(TimeSpan.FromSeconds(6));

        Assert.NotEqual(first, (await tls.Callback.OnConnection(null!)).ServerCertificateContext!.TargetCertificate.Thumbprint);

        // As the kubelet does: the files are links over one that is replaced as a whole.
        void Put(string version)
        {
            var (certificate, key) = ca.Issue("server", serverAuth: true);
            var folder = _folder.CreateSubdirectory(version);
            File.Move(certificate, Path.Combine(folder.FullName, "tls.crt"));
            File.Move(key, Path.Combine(folder.FullName, "tls.key"));
        }

        void Link(string version, params string[] files)
        {
            var data = Path.Combine(_folder.FullName, "..data");
            if (Directory.Exists(data))
                Directory.Delete(data);

            File.CreateSymbolicLink(data, version);
            foreach (var file in files)
                File.CreateSymbolicLink(Path.Combine(_folder.FullName, file), Path.Combine("..data", file));
        }
    }

    [Fact]
    public async Task A_CA_file_of_nothing_but_the_issuing_intermediate_lets_its_clients_in()
    {
        using var root = new TestCa(_folder.FullName);
        using var intermediate = new TestCa(_folder.CreateSubdirectory("intermediate").FullName, root);
        var (certificate, key) = root.Issue("server", serverAuth: true);
        await using var server = await TestServer.Start(
            TestServer.Options with { ServerCertFile = certificate, ServerKeyFile = key, TrustedCaFile = intermediate.File });
        using var handler = new SocketsHttpHandler { SslOptions = root.ClientOptions(intermediate.IssueLoaded("client")) };
        using var client = new GrpcClient(new Uri($"https://localhost:{server.Server.Port}"), handler);

        Assert.Equal(StatusCode.OK, (await client.Call(ListenTests.Put, Request)).Status);
    }

    [Theory]
    [InlineData("missing.crt", "missing.key", "", "the TLS files of the listener cannot be used")]
    [InlineData("missing.crt", "", "", "--server-cert-file and --server-key-file are only of use together")]
    [InlineData("", "", "ca.crt", "--server-cert-file and --server-key-file are only of use together")]
    public async Task Wrong_tls_files_are_told_in_a_sentence(string certificate, string key, string ca, string message)
    {
        var options = TestServer.Options with { ServerCertFile = certificate, ServerKeyFile = key, TrustedCaFile = ca };

        var error = await Assert.ThrowsAsync<StartException>(() => TestServer.Start(options));

        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
        Assert.True(error.WrongSettings);
    }

    [Fact]
    public async Task A_taken_port_is_told_in_a_sentence()
    {
        await using var first = await TestServer.Start();

        var error = await Assert.ThrowsAsync<StartException>(
            () => TestServer.Start(TestServer.Options with { ListenAddress = $"127.0.0.1:{first.Server.Port}" }));

        Assert.StartsWith($"cannot listen on 127.0.0.1:{first.Server.Port}: ", error.Message, StringComparison.Ordinal);
        Assert.False(error.WrongSettings);
    }

    [Theory]
    [InlineData("127.0.0.1:2379", "127.0.0.1:2379", false)]
    [InlineData("0.0.0.0:2379", "0.0.0.0:2379", true)]
    [InlineData(":8080", "0.0.0.0:8080", true)]
    [InlineData("[::]:2379", "[::]:2379", true)]
    [InlineData("[::1]:1", "[::1]:1", false)]
    [InlineData("tcp://127.0.0.1:1", "127.0.0.1:1", false)]
    [InlineData("http://127.0.0.1:1", "127.0.0.1:1", false)]
    public void Addresses_are_read_as_upstream_reads_them(string text, string endPoint, bool isAny)
    {
        var address = ListenAddress.Parse(text);
        Assert.Equal(endPoint, address.EndPoint!.ToString());
        Assert.Equal(isAny, address.IsAny);
    }

    [Theory]
    [InlineData("unix://kine.sock", "kine.sock")]
    [InlineData("unix:///run/kine.sock", "/run/kine.sock")]
    public void Unix_addresses_name_a_file(string text, string path)
    {
        Assert.Equal(path, ListenAddress.Parse(text).SocketPath);
    }

    [Theory]
    [InlineData("")]
    [InlineData("localhost")]
    [InlineData("127.0.0.1:port")]
    [InlineData("127.0.0.1:70000")]
    [InlineData("1:2:3")]
    [InlineData("ftp://127.0.0.1:1")]
    [InlineData("unix://")]
    [InlineData("host.invalid:1")]
    public void Other_addresses_are_refused(string text) =>
        Assert.NotEmpty(Assert.Throws<FormatException>(() => ListenAddress.Parse(text)).Message);
}
