using Kine.Host.Cli;
using Kine.Host.Hosting;
using Microsoft.Extensions.Logging;

namespace Kine.Tests.Grpc;

/// <summary>The server with a fake keyspace on a free port of the loopback.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly ILoggerFactory _logging;
    private bool _stopped;

    private TestServer(KineServer server, FakeEtcdApi api, FakeBackend backend, ILoggerFactory logging, StringWriter log)
    {
        Server = server;
        Api = api;
        Backend = backend;
        _logging = logging;
        Log = log;
    }

    public KineServer Server { get; }

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
        var settings = ListenSettings.Read(options, logging.CreateLogger("tls"), TimeProvider.System);
        var server = await KineServer.Start(options, settings, backend, logging, TimeProvider.System, CancellationToken.None);
        return new TestServer(server, api, backend, logging, log);
    }

    public async Task Stop()
    {
        _stopped = true;
        await Server.Stop();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_stopped)
        {
            await Server.Stop();
        }

        await Server.DisposeAsync();
        _logging.Dispose();
    }
}
