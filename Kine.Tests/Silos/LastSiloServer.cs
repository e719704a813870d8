using Kine.Backends.Memory;
using Kine.Grains;
using Kine.Host.Cli;
using Kine.Host.Hosting;
using Kine.Host.Logging;
using Kine.Tests.Servers;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Silos;

/// <summary>Two or more silos in this process, the writer in the first; clients talk to the front end of the last.</summary>
internal sealed class LastSiloServer : EtcdApiServer
{
    private readonly int _silos;
    private readonly List<Silo> _others = [];
    private readonly MemoryRevisionStore _store = new();
    private readonly ILoggerFactory _logging;
    private readonly StringWriter _log = new();
    private KineHost? _host;

    private LastSiloServer(int silos)
    {
        _silos = silos;
        var log = TextWriter.Synchronized(_log);
        Options = new ServerOptions { ListenAddress = Address, MetricsBindAddress = "0", EmulatedEtcdVersion = "3.6.11", LogFormat = "plain" };
        _logging = Log.Create(Options, log, log, TimeProvider.System);
    }

    public override string Name => $"kine on {_silos} silos";

    /// <summary>What the last silo has done at the store.</summary>
    public CountingStore? LastStore { get; private set; }

    private ServerOptions Options { get; }

    // The one address that clients can use, whichever silo answers them.
    private WriterOptions Writer => new() { ClientUrl = $"http://{Address}" };

    public static async Task<LastSiloServer> StartNew(int silos)
    {
        var server = new LastSiloServer(silos);
        await server.Start();
        return server;
    }

    public override async Task Start()
    {
        for (var i = 1; i < _silos; i++)
            _others.Add(await Silo.Start(_store, Writer, _others.FirstOrDefault()));

        var last = Silo.Prepare(_store, Writer, _others[0]);
        LastStore = last.Store;
        _host = KineHost.Build(Options, last.AddTo, _logging, TimeProvider.System);
        Assert.True(await _host.Start(CancellationToken.None));
    }

    public override async ValueTask DisposeAsync()
    {
        if (_host is not null)
            await _host.Stop();

        foreach (var silo in Enumerable.Reverse(_others))
            await silo.DisposeAsync();

        _logging.Dispose();
        await _log.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override RunningProcess Launch() => throw new InvalidOperationException("It runs in this process.");
}
