using System.Globalization;

namespace Kine.Tests.Servers;

/// <summary>
/// A real nats-server with JetStream. It does not wait for its disk, but what it has confirmed survives its own death. Anybody may log in, unless the
/// configuration given says otherwise.
/// </summary>
public sealed class NatsServer : DatabaseServer
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);
    private static int _buckets;

    private readonly TempFolder _folder = new();
    private readonly string _configuration;
    private RunningProcess? _process;

    /// <param name="configuration">Further lines of the configuration; <c>{folder}</c> stands for the server's folder.</param>
    /// <param name="jetStream">The JetStream block; empty = a server without JetStream.</param>
    public NatsServer(string configuration = "", string jetStream = "jetstream { store_dir: \"{folder}/data\" }") =>
        _configuration = (configuration + "\n" + jetStream).Replace("{folder}", _folder.FullName, StringComparison.Ordinal);

    public override string Name => "NATS";

    public override int Port { get; } = Servers.FreePort.Next();

    /// <summary>The server's folder.</summary>
    public string Folder => _folder.FullName;

    /// <summary>The program: KINE_TEST_NATS_SERVER, or Debian's.</summary>
    private static string Program => Environment.GetEnvironmentVariable("KINE_TEST_NATS_SERVER") is { Length: > 0 } given ? given : "/usr/sbin/nats-server";

    public override string NewEndpoint(int port = 0) => Endpoint(NewBucket(), port);

    /// <summary>The endpoint of a bucket.</summary>
    public string Endpoint(string bucket, int port = 0) =>
        string.Create(CultureInfo.InvariantCulture, $"nats://127.0.0.1:{(port == 0 ? Port : port)}?noEmbed&bucket={bucket}");

    /// <summary>A name that no other test uses.</summary>
    public static string NewBucket() => string.Create(CultureInfo.InvariantCulture, $"kine_{Interlocked.Increment(ref _buckets)}");

    public override async Task Start()
    {
        var file = _folder["nats.conf"];
        await File.WriteAllTextAsync(file, string.Create(CultureInfo.InvariantCulture, $"listen: \"127.0.0.1:{Port}\"\n{_configuration}\n"));
        _process?.Dispose();
        _process = RunningProcess.Start(Program, ["-c", file], _folder.FullName);
        await _process.Printed("Server is ready", StartLimit);
    }

    public override async Task Kill()
    {
        if (_process is not null)
            await _process.Kill();
    }

    public override async ValueTask DisposeAsync()
    {
        await Kill();
        _process?.Dispose();
        _folder.Dispose();
    }
}
