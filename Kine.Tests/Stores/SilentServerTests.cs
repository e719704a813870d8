using System.Net;
using System.Net.Sockets;
using Kine.Backends.Stores;
using Kine.Grains;
using Kine.Grains.Fencing;
using Kine.Grains.Hosting;
using Kine.Host.Cli;
using Kine.Host.Logging;
using Kine.Tests.Servers;
using Microsoft.Extensions.Logging;

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

    [Fact]
    public async Task A_start_that_is_told_to_stop_at_once_has_waited_for_nothing()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        using var log = new StringWriter();
        using var logging = Log.Create(new ServerOptions(), log, log, TimeProvider.System);
        await using var store = StoreEndpoint.Parse($"nats://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}").Create();
        using var told = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        var candidacy = new Candidacy(store, new WriterOptions(), TimeProvider.System, logging.CreateLogger<Candidacy>());

        await Assert.ThrowsAnyAsync<Exception>(
            () => new StoreService(store, candidacy, TimeProvider.System, logging.CreateLogger<StoreService>()).StartAsync(told.Token));

        Assert.Empty(log.ToString());
    }
}
