using Kine.Host.Cli;
using Kine.Host.Hosting;
using Kine.Host.Logging;
using Kine.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Chaos;

/// <summary>The program's host in this process, on what a test puts behind its front end.</summary>
internal sealed class HostedServer : IAsyncDisposable
{
    private readonly StringWriter _log = new();
    private readonly ILoggerFactory _logging;
    private readonly KineHost _host;

    private HostedServer(string address, Action<IServiceCollection> backend)
    {
        Address = address;
        var log = TextWriter.Synchronized(_log);
        var options = new ServerOptions { ListenAddress = address, MetricsBindAddress = "0", EmulatedEtcdVersion = "3.6.11", LogFormat = "plain" };
        _logging = Log.Create(options, log, log, TimeProvider.System);
        _host = KineHost.Build(options, backend, _logging, TimeProvider.System);
    }

    public string Address { get; }

    public static string NewAddress() => $"127.0.0.1:{FreePort.Next()}";

    public static async Task<HostedServer> Start(string address, Action<IServiceCollection> backend)
    {
        var server = new HostedServer(address, backend);
        Assert.True(await server._host.Start(CancellationToken.None));
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.Stop();
        _logging.Dispose();
        await _log.DisposeAsync();
    }
}
