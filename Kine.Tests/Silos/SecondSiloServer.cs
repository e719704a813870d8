using Kine.Backends.Memory;
using Kine.Grains;
using Kine.Host.Cli;
using Kine.Host.Hosting;
using Kine.Host.Logging;
using Kine.Tests.Servers;
using Microsoft.Extensions.Logging;
using HostServer = Kine.Host.Hosting.KineServer;

namespace Kine.Tests.Silos;

/// <summary>Two silos in this process, the writer in the first; clients talk to the front end of the second.</summary>
internal sealed class SecondSiloServer : EtcdApiServer
{
    private readonly MemoryRevisionStore _store = new();
    private readonly ILoggerFactory _logging;
    private readonly StringWriter _log = new();
    private Silo? _first;
    private HostServer? _server;

    private SecondSiloServer()
    {
        var log = TextWriter.Synchronized(_log);
        Options = new ServerOptions { ListenAddress = Address, MetricsBindAddress = "0", EmulatedEtcdVersion = "3.6.11", LogFormat = "plain" };
        _logging = Log.Create(Options, log, log, TimeProvider.System);
    }

    public override string Name => "kine on two silos";

    /// <summary>What the second silo has done at the store.</summary>
    public CountingStore? SecondStore { get; private set; }

    private ServerOptions Options { get; }

    public static async Task<SecondSiloServer> StartNew()
    {
        var server = new SecondSiloServer();
        await server.Start();
        return server;
    }

    public override async Task Start()
    {
        _first = await Silo.Start(_store, new WriterOptions());
        var second = Silo.Prepare(_store, new WriterOptions(), _first);
        SecondStore = second.Store;
        var settings = ListenSettings.Read(Options, _logging.CreateLogger("tls"), TimeProvider.System);
        _server = await HostServer.Start(Options, settings, second.Backend, _logging, TimeProvider.System, CancellationToken.None);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.Stop();
            await _server.DisposeAsync();
        }

        if (_first is not null)
        {
            await _first.DisposeAsync();
        }

        _logging.Dispose();
        await _log.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override RunningProcess Launch() => throw new InvalidOperationException("It runs in this process.");
}
