using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using Kine.Etcd;
using Kine.Host.Client;
using Kine.Tests.Grpc;
using Kine.Tests.Servers;

namespace Kine.Tests.Client;

/// <summary>The client of bench, migrate and snapshot, against kine as built.</summary>
public sealed class EtcdChannelTests : IDisposable
{
    private static readonly RangeRequest One = new() { Key = ByteString.CopyFromUtf8("/a") };
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Replies_may_be_larger_than_a_librarys_usual_limit()
    {
        await using var server = await KineServer.StartNew();
        using var channel = new EtcdChannel(server.Address);
        var value = UnsafeByteOperations.UnsafeWrap(new byte[1_000_000]);
        for (var key = 0; key < 8; key++)
            await channel.Kv.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"/{key}"), Value = value });

        var all = await channel.Kv.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("/"), RangeEnd = ByteString.CopyFromUtf8("0") });
        Assert.Equal(8, all.Kvs.Count);
        Assert.All(all.Kvs, pair => Assert.Equal(value, pair.Value));
    }

    [Fact]
    public async Task A_unix_socket_is_an_endpoint()
    {
        using var server = Start("--listen-address", $"unix://{_folder["kine.sock"]}");
        using var channel = new EtcdChannel($"unix://{_folder["kine.sock"]}");
        await Await(server, channel);
        await channel.Kv.PutAsync(new PutRequest { Key = One.Key });
        Assert.Single((await channel.Kv.RangeAsync(One)).Kvs);
    }

    [Fact]
    public async Task Certificates_are_checked_on_both_sides()
    {
        using var ca = new TestCa(_folder.FullName);
        using var strangers = new TestCa(Directory.CreateDirectory(_folder["strangers"]).FullName);
        var (serverCert, serverKey) = ca.Issue("server", serverAuth: true);
        var (clientCert, clientKey) = ca.Issue("client", serverAuth: false);
        var port = FreePort.Next();
        using var server = Start(
            "--listen-address", $"127.0.0.1:{port}", "--server-cert-file", serverCert, "--server-key-file", serverKey, "--trusted-ca-file", ca.File);
        var endpoint = $"https://localhost:{port}";

        using var right = new EtcdChannel(endpoint, ClientTls.Read(ca.File, clientCert, clientKey, skipVerify: false));
        await Await(server, right);

        using var careless = new EtcdChannel(endpoint, ClientTls.Read(null, clientCert, clientKey, skipVerify: true));
        await careless.Kv.RangeAsync(One);

        using var nameless = new EtcdChannel(endpoint, ClientTls.Read(ca.File, null, null, skipVerify: false));
        await Assert.ThrowsAsync<RpcException>(async () => await nameless.Kv.RangeAsync(One));

        using var wary = new EtcdChannel(endpoint, ClientTls.Read(strangers.File, clientCert, clientKey, skipVerify: false));
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await wary.Kv.RangeAsync(One));
        Assert.Contains("certificate", refused.Describe(), StringComparison.Ordinal);

        // The certificate is for localhost.
        using var misnamed = new EtcdChannel($"https://127.0.0.1:{port}", ClientTls.Read(ca.File, clientCert, clientKey, skipVerify: false));
        await Assert.ThrowsAsync<RpcException>(async () => await misnamed.Kv.RangeAsync(One));
    }

    [Fact]
    public async Task A_server_error_keeps_its_code_and_text()
    {
        await using var server = await KineServer.StartNew();
        using var channel = new EtcdChannel(server.Address);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await channel.Kv.RangeAsync(new RangeRequest(One) { Revision = 1000 }));
        Assert.Equal("OutOfRange: etcdserver: mvcc: required revision is a future revision", error.Describe());
    }

    [Fact]
    public async Task Nobody_there_is_unavailable_and_a_later_call_finds_the_server()
    {
        await using var server = KineServer.Prepare();
        using var channel = new EtcdChannel(server.Address);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await channel.Kv.RangeAsync(One));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
        Assert.Contains("Connection refused", error.Describe(), StringComparison.Ordinal);

        await server.Start();
        await channel.Kv.RangeAsync(One);
        await server.Kill();
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(async () => await channel.Kv.RangeAsync(One))).StatusCode);
        await server.Start();
        await channel.Kv.RangeAsync(One);
    }

    [Fact]
    public async Task A_cancelled_or_late_call_ends_although_the_server_says_nothing()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var channel = new EtcdChannel($"http://{silent.LocalEndpoint}");
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await channel.Kv.RangeAsync(One, cancellationToken: stop.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await channel.Kv.RangeAsync(One, deadline: DateTime.UtcNow.AddMilliseconds(200)));
    }

    [Theory]
    [InlineData("http://10.0.0.1:80/", "http://10.0.0.1/")]
    [InlineData("localhost", "http://localhost:2379/")]
    [InlineData("https://[::1]:2381", "https://[::1]:2381/")]
    [InlineData("http://db:443", "http://db:443/")]
    [InlineData("https://db", "https://db:2379/")]
    [InlineData("unix:///run/kine.sock", "http://localhost/")]
    public void Endpoints_are_read(string text, string address) => Assert.Equal(new Uri(address), EtcdEndpoint.Parse(text).Address);

    [Theory]
    [InlineData("")]
    [InlineData("ftp://a:1")]
    [InlineData("http://a:1/path")]
    [InlineData("unix://")]
    public void Wrong_endpoints_are_refused(string text) => Assert.Throws<FormatException>(() => EtcdEndpoint.Parse(text));

    private RunningProcess Start(params string[] listening) =>
        RunningProcess.Start(TestTools.Kine, ["--endpoint", $"sqlite://{_folder["state.db"]}", "--metrics-bind-address", "0", .. listening]);

    // Answers a call as soon as the server is there.
    private static async Task Await(RunningProcess process, EtcdChannel channel)
    {
        var deadline = DateTime.UtcNow.AddSeconds(30);
        while (true)
        {
            try
            {
                await channel.Kv.RangeAsync(One);
                return;
            }
            catch (RpcException notYet) when (notYet.StatusCode == StatusCode.Unavailable && DateTime.UtcNow < deadline && !process.HasExited)
            {
                await Task.Delay(20);
            }
        }
    }
}
