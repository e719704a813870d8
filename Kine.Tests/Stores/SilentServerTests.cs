using System.Net;
using System.Net.Sockets;
using Kine.Tests.Servers;

namespace Kine.Tests.Stores;

public sealed class SilentServerTests
{
    [Theory]
    [InlineData("postgres://user:secret@127.0.0.1:{0}/kine?sslmode=disable", "Waiting for postgres 127.0.0.1:{0}/kine")]
    [InlineData("mysql://user:secret@tcp(127.0.0.1:{0})/kine", "Waiting for mysql 127.0.0.1:{0}/kine")]
    [InlineData("nats://127.0.0.1:{0}", "Waiting for nats nats://127.0.0.1:{0}")]
    public async Task A_start_says_what_it_waits_for(string endpoint, string line)
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start(); // it takes connections, and nobody answers
        var port = $"{((IPEndPoint)silent.LocalEndpoint).Port}";
        using var kine = RunningProcess.Start(TestTools.Kine, KineServer.On(endpoint.Replace("{0}", port, StringComparison.Ordinal)).Arguments);

        await kine.Printed(line.Replace("{0}", port, StringComparison.Ordinal), TimeSpan.FromMinutes(1));

        Assert.DoesNotContain("secret", kine.Output, StringComparison.Ordinal);
    }
}
