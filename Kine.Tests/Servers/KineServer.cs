namespace Kine.Tests.Servers;

/// <summary>kine as built, on a SQLite file of its own or on the store it is told.</summary>
public sealed class KineServer : EtcdApiServer
{
    private readonly string[] _arguments;

    private KineServer(string? endpoint, string[] arguments)
    {
        Endpoint = endpoint ?? $"sqlite://{DatabasePath}";
        _arguments = arguments;
    }

    public override string Name => "kine";

    public string DatabasePath => Path.Combine(DataFolder, "state.db");

    /// <summary>The value of --endpoint.</summary>
    public string Endpoint { get; private set; }

    /// <summary>Variables that the process gets beside those of the tests.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    /// <summary>Where its metrics are; 0 = nowhere.</summary>
    public string MetricsAddress { get; set; } = "0";

    /// <summary>All arguments of the program, for tests that start it in their own way.</summary>
    public string[] Arguments => ["--listen-address", Address, "--endpoint", Endpoint, "--metrics-bind-address", MetricsAddress, .. _arguments];

    public static async Task<KineServer> StartNew(string endpointParameters = "", params string[] arguments)
    {
        var server = Prepare(endpointParameters, arguments);
        await server.Start();
        return server;
    }

    /// <summary>A server that is not started yet.</summary>
    public static KineServer Prepare(string endpointParameters = "", params string[] arguments)
    {
        var server = new KineServer(null, arguments);
        server.Endpoint += endpointParameters;
        return server;
    }

    /// <summary>A server on the store that the endpoint names, not started yet. Its lease is short unless told, so that one after a kill need not wait long.</summary>
    public static KineServer On(string endpoint, params string[] arguments) =>
        new(endpoint, arguments.Contains("--lease-time") ? arguments : ["--lease-time", "1s", .. arguments]);

    /// <summary>The same, started.</summary>
    public static async Task<EtcdApiServer> StartOn(string endpoint, params string[] arguments)
    {
        var server = On(endpoint, arguments);
        await server.Start();
        return server;
    }

    protected override RunningProcess Launch() => RunningProcess.Start(TestTools.Kine, Arguments, environment: Variables);
}
