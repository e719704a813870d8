namespace Kine.Tests.Servers;

/// <summary>kine as built, on a SQLite file of its own.</summary>
public sealed class KineServer : EtcdApiServer
{
    private readonly string[] _arguments;

    private KineServer(string endpointParameters, string[] arguments)
    {
        Endpoint = $"sqlite://{DatabasePath}{endpointParameters}";
        _arguments = arguments;
    }

    public override string Name => "kine";

    public string DatabasePath => Path.Combine(DataFolder, "state.db");

    /// <summary>The value of --endpoint.</summary>
    public string Endpoint { get; }

    /// <summary>All arguments of the program, for tests that start it in their own way.</summary>
    public string[] Arguments => ["--listen-address", Address, "--endpoint", Endpoint, "--metrics-bind-address", "0", .. _arguments];

    public static async Task<KineServer> StartNew(string endpointParameters = "", params string[] arguments)
    {
        var server = Prepare(endpointParameters, arguments);
        await server.Start();
        return server;
    }

    /// <summary>A server that is not started yet.</summary>
    public static KineServer Prepare(string endpointParameters = "", params string[] arguments) => new(endpointParameters, arguments);

    protected override RunningProcess Launch() => RunningProcess.Start(TestTools.Kine, Arguments);
}
