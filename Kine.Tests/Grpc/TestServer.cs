using Kine.Host.Cli;
using Kine.Host.Grpc;
using Kine.Host.Hosting;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Grpc;

/// <summary>The server with a fake keyspace on a free port of the loopback.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly ILoggerFactory _logging;
    private readonly KineHost _host;

    private TestServer(KineHost host, FakeEtcdApi api, FakeBackend backend, ILoggerFactory logging, StringWriter log)
    {
        _host = host;
        Server = host.Listener;
        Api = api;
        Backend = backend;
        _logging = logging;
        Log = log;
    }

    public ClientListener Server { get; }

    public FakeEtcdApi Api { get; }

    public FakeBackend Backend { get; }

    /// <summary>What the server logged.</summary>
    public StringWriter Log { get; }

    /// <summary>Options for a server that nobody else meets: a free port, no metrics address.</summary>
    public static ServerOptions Options { get; } = new()
    {
        ListenAddress = "127.0.0.1:0",
        MetricsBindAddress = "0",
        EmulatedEtcdVersion = "3.6.11",
        LogFormat = "plain",
    };

    public static async Task<TestServer> Start(ServerOptions? options = null)
    {
        options ??= Options;
        var log = new StringWriter();
        var synchronized = TextWriter.Synchronized(log);
        var logging = Kine.Host.Logging.Log.Create(options, synchronized, synchronized, TimeProvider.System);
        var api = new FakeEtcdApi();
        var backend = new FakeBackend(api);
        var host = KineHost.Build(options, services => backend.AddTo(services), logging, TimeProvider.System);
        Assert.True(await host.Start(CancellationToken.None));
        return new TestServer(host, api, backend, logging, log);
    }

    public async Task Stop() => Assert.True(await _host.Stop());

    public async ValueTask DisposeAsync()
    {
        await _host.Stop();
        _logging.Dispose();
    }
}
